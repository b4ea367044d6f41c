import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import axe from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";

import type { Demo } from "../../gateway/demo/demo.ts";
import { moreOpened, openHouse } from "../ward/house.ts";
import { CHROMIUM, FLAGS } from "./browser.ts";

/** The pages over a running demo, as a nurse, IT and an engineer see them, in Debian's Chromium. */
const PASSWORD = "a long password";

let demo: Demo;
let browser: Browser;
let origin = "";
const troubles: string[] = [];

before(async () => {
  demo = await openHouse();
  await moreOpened(demo, 60);
  origin = new URL(demo.editorUrl).origin;
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  await makeAccounts();
});
after(async () => {
  await browser?.close();
  await demo?.close();
});

async function newPage(
  width = 1440,
  height = 900,
  colorScheme: "light" | "dark" = "light",
): Promise<Page> {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: { width, height },
    colorScheme,
    locale: "en-US",
  });
  const page = await context.newPage();
  page.on("console", (message) => {
    // A refusal that a test asks for is told there too.
    if (message.type() === "error" && !message.text().includes("status of 4")) {
      troubles.push(message.text());
    }
  });
  page.on("pageerror", (error) => troubles.push(error.message));
  return page;
}

/** Behind the one-time login: first somebody of IT, then a nurse of ward north. */
async function makeAccounts(): Promise<void> {
  const page = await newPage();
  await page.goto(demo.editorUrl);
  await page.waitForSelector("input[value=north]");
  for (const [place, [name, role, ward]] of [
    ["ida", "it", ""],
    ["nora", "nurse", "north"],
    ["bert", "biomedical", ""],
  ].entries()) {
    await page.fill("input[name=name]", name ?? "");
    await page.fill("input[name=password]", PASSWORD);
    await page.check(`input[value=${role}]`);
    if (ward !== "") {
      await page.check(`input[value=${ward}]`);
    }
    await page.click("button.main");
    await page.waitForFunction(
      (count) => document.querySelectorAll(".accounts li").length === count,
      place + 1,
    );
  }
  await page.context().close();
}

/** Signs in by keyboard alone. */
async function signIn(page: Page, name: string): Promise<void> {
  await page.goto(origin);
  await page.focus("input[name=name]");
  await page.keyboard.type(name);
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForSelector("header.top");
}

async function serious(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate<{ id: string; impact: string; target: string }[]>(
    `axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) => ({ id, impact, target: String(nodes[0].target) })))`,
  );
  return found
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, target }) => `${id}: ${target}`);
}

async function isTooWide(page: Page): Promise<boolean> {
  return page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
}

test("a nurse sees her ward by keyboard alone, and nothing that is not hers", async () => {
  const page = await newPage();
  await signIn(page, "nora");
  const names = await page.locator("nav a").allTextContents();
  assert.deepEqual(names, ["Ward board"]);
  await page.waitForSelector(".tile .number");
  assert.deepEqual(await page.locator(".tile .bed").allTextContents(), ["bed-1", "bed-2", "bed-3"]);
  await page.focus(".tile");
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open] .row");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  for (const path of ["/api/journal", "/api/accounts", "/metrics", "/flow/", "/flow/flows"]) {
    const { status } = await page.evaluate(
      async (at) => ({ status: (await fetch(at)).status }),
      path,
    );
    assert.ok(status === 403 || status === 404, `${path}: ${status}`);
  }
  // Another ward in an emergency.
  await page.click("text=south: Open in an emergency");
  await page.fill("input[name=reason]", "patient was moved to bed 5");
  await page.click("text=Open for 15 minutes");
  await page.click("text=south");
  await page.waitForFunction(() =>
    [...document.querySelectorAll(".bed")].some(({ textContent }) => textContent === "bed-5"),
  );
  await page.context().close();
});

test("IT learns that a bed delivers, not what", async () => {
  const page = await newPage();
  await signIn(page, "ida");
  await page.waitForSelector("text=/All is well|What to do/");
  assert.deepEqual(await page.locator("nav a").allTextContents(), [
    "Overview",
    "Devices",
    "Outbox and link",
    "Security and journal",
    "Accounts",
  ]);
  await page.click('nav a[href="/devices"]');
  await page.waitForSelector("text=bed-1/monitor");
  await page.click('nav a[href="/security"]');
  await page.waitForSelector("th:text-is('break-glass')");
  const seen = await page.evaluate(
    () =>
      new Promise<string>((resolve) => {
        let text = "";
        const source = new EventSource("/api/events");
        for (const name of ["board", "facts"]) {
          source.addEventListener(name, ({ data }) => (text += data));
        }
        setTimeout(() => {
          source.close();
          resolve(text);
        }, 2500);
      }),
  );
  assert.match(seen, /bed-1\/monitor/);
  assert.doesNotMatch(seen, /SAT_O2/);
  await page.context().close();
});

test("a device that falls silent fades, then is gone with the reason; nothing stale looks live", async () => {
  const page = await newPage();
  await signIn(page, "nora");
  await page.waitForSelector(".tile .live");
  demo.setFault("bed-1/monitor", "silence", true);
  try {
    const tile = page.locator(".tile").first();
    await tile.locator(".fading").first().waitFor({ timeout: 40_000 });
    assert.match((await tile.locator(".age").first().textContent()) ?? "", /^\d+ s ago/);
    assert.equal(await tile.locator(".live").count(), 0);
  } finally {
    demo.setFault("bed-1/monitor", "silence", false);
  }
  await page.context().close();
});

test("no serious finding of axe and no scrolling sideways, from a phone to a wall, in light and dark", async () => {
  const views = [
    [360, 740, "light"],
    [820, 1180, "dark"],
    [1440, 900, "light"],
    [3840, 2160, "dark"],
  ] as const;
  for (const [width, height, scheme] of views) {
    const page = await newPage(width, height, scheme);
    await signIn(page, width === 360 ? "nora" : width === 1440 ? "ida" : "bert");
    const pages = await page.locator("nav a:not([href='/flow/'])").all();
    for (const link of pages) {
      await link.click();
      await page.waitForSelector("main");
      const where = `${await link.textContent()} at ${width}, ${scheme}`;
      assert.deepEqual(await serious(page), [], where);
      assert.ok(!(await isTooWide(page)), `${where}: too wide`);
    }
    await page.context().close();
  }
});

test("the engineer gets from the pages to the editor", async () => {
  const page = await newPage();
  await signIn(page, "bert");
  await page.click('nav a[href="/flow/"]');
  await page.waitForSelector("#red-ui-workspace-chart .red-ui-flow-node", { timeout: 60_000 });
  await page.context().close();
});

test("the browser had nothing to complain of", () => {
  assert.deepEqual(troubles, []);
});
