import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";

import type { Browser, Page } from "playwright-core";
import { chromium } from "playwright-core";

import { demoFlow } from "../../flows/demo-flow.ts";
import { FakeServices } from "../fakes/flow-services.ts";
import { TestRed } from "../fakes/node-red.ts";

const PALETTE = {
  "en-US": {
    "ward-serial": "serial",
    "ward-modbus": "modbus",
    "ward-opcua": "opc ua",
    "ward-notices": "notices",
    "ward-check": "check",
    "ward-filter": "filter",
    "ward-seal": "seal",
    "ward-outbox": "outbox",
    "ward-board": "board",
  },
  de: {
    "ward-serial": "seriell",
    "ward-modbus": "Modbus",
    "ward-opcua": "OPC UA",
    "ward-notices": "Meldungen",
    "ward-check": "Prüfen",
    "ward-filter": "Filter",
    "ward-seal": "Versiegeln",
    "ward-outbox": "Postausgang",
    "ward-board": "Tafel",
  },
} as const;
type Language = keyof typeof PALETTE;
const LINES = ["ward-serial-line", "ward-modbus-line", "ward-opcua-line"];
const SETTLE_MS = 30_000;

const services = new FakeServices();
let red: TestRed;
let browser: Browser;
let folder: string;

before(async () => {
  red = await TestRed.open({ ward: services, editor: true });
  await red.deploy(
    demoFlow([
      {
        device: "bed-1/oximeter",
        model: "nonin-oem3-format2",
        line: "tcp://10.0.0.7:4001",
        unit: null,
        kind: "stream",
      },
      {
        device: "room-1/pressure",
        model: "tsi-rpc30",
        line: "modbus-tcp://10.0.0.8:502",
        unit: 1,
        kind: "modbus",
      },
      {
        device: "bed-2/incubator",
        model: "lads-incubator",
        line: "opc.tcp://10.0.0.9:4840",
        unit: null,
        kind: "opcua",
      },
    ]),
  );
  folder = await mkdtemp(join(tmpdir(), "wardgate-editor-"));
  browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
});

after(async () => {
  await browser.close();
  await red.close();
  await rm(folder, { recursive: true, force: true });
});

for (const language of ["en-US", "de"] as const) {
  test(`the editor shows the ward nodes and opens each form (${language})`, async () => {
    const { page, complaints } = await openEditor(language);
    assert.deepEqual(await paletteLabels(page), PALETTE[language]);
    await screenshot(page, `flow-${language}`);
    for (const type of Object.keys(PALETTE[language])) {
      const form = await openForm(page, type);
      assert.match(form, /\S/, `${type} has a form`);
      assert.doesNotMatch(form, /ward-[a-z]+\.(label|tip)/, `${type} has an untranslated label`);
      await screenshot(page, `${type}-${language}`);
      await closeForm(page);
    }
    for (const type of LINES) {
      const form = await openLineForm(page, type);
      assert.doesNotMatch(form, /ward-[a-z-]+\.(label|tip)/, `${type} has an untranslated label`);
      await screenshot(page, `${type}-${language}`);
      await closeForm(page);
    }
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
}

test("a source form offers models and lines, says what is wrong, and keeps its options", async () => {
  const { page, complaints } = await openEditor("en-US");
  await openForm(page, "ward-modbus");
  const models = page.locator("#node-input-model option");
  await models.nth(1).waitFor({ state: "attached" });
  assert.deepEqual(await models.allTextContents(), ["Choose a model", "Modbus (tsi-rpc30)"]);
  await page.fill("#node-input-device", "Bed 12");
  await page.fill("#node-input-unit", "300");
  await page.press("#node-input-unit", "Tab");
  await explained(page, "#node-input-device", "A device id has 1 to 64 small letters");
  await explained(page, "#node-input-unit", "A whole number from 0 to 255");
  await page.fill("#node-input-device", "bed-12/pump");
  await page.fill("#node-input-unit", "7");
  await page.selectOption("#node-input-model", "tsi-rpc30");
  await page.fill("#ward-option-offset", "9000");
  await page.waitForSelector("#ward-option-offset.input-error");
  await page.fill("#ward-option-offset", "2");
  await page.selectOption("#ward-option-door", { label: "absent" });
  await page.click("#node-dialog-ok");
  await page.waitForFunction("document.querySelector('#node-dialog-ok') === null");
  const kept = await page.evaluate(
    `(() => { const n = RED.nodes.filterNodes({ type: "ward-modbus" }).find((m) => m.device === "bed-12/pump");
      return [n.unit, n.model, n.options]; })()`,
  );
  assert.deepEqual(kept, [
    "7",
    "tsi-rpc30",
    [
      { name: "offset", value: 2 },
      { name: "door", value: "absent" },
    ],
  ]);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

async function openEditor(language: Language): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 860 } });
  context.setDefaultTimeout(SETTLE_MS);
  await context.addInitScript(`localStorage.setItem("editor-language", "${language}")`);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") {
      complaints.push(message.text());
    }
  });
  page.on("response", (response) => {
    if (response.status() >= 400) {
      complaints.push(`${response.status()} ${response.url()}`);
    }
  });
  await page.goto(`http://127.0.0.1:${red.port}/`);
  await page.waitForSelector(".red-ui-flow-node", { timeout: SETTLE_MS });
  await page.waitForFunction("document.querySelector('.red-ui-loading, #red-ui-loading') === null");
  return { page, complaints };
}

async function paletteLabels(page: Page): Promise<unknown> {
  return page.evaluate(
    `Object.fromEntries([...document.querySelectorAll('#red-ui-palette-base-category-ward .red-ui-palette-node')]
      .map((node) => [node.dataset.paletteType, node.querySelector('.red-ui-palette-label').textContent.replace(/\\s+/g, ' ')]))`,
  );
}

/** Opens the form of a new node of a type; returns what is written on it. */
async function openForm(page: Page, type: string): Promise<string> {
  await page.evaluate(
    `(() => {
      RED.view.importNodes([{ id: RED.nodes.id(), type: "${type}", z: RED.workspaces.active(), x: 300, y: 500, wires: [] }],
        { addFlow: false, touchImport: true, notify: false, generateIds: true });
      RED.editor.edit(RED.nodes.filterNodes({ type: "${type}" }).at(-1));
    })()`,
  );
  return formText(page);
}

async function openLineForm(page: Page, type: string): Promise<string> {
  await page.evaluate(`RED.editor.editConfig("", "${type}", "_ADD_")`);
  return formText(page);
}

async function formText(page: Page): Promise<string> {
  await page.waitForSelector("#dialog-form, #node-config-dialog-edit-form", { state: "visible" });
  await page.waitForFunction("document.querySelectorAll('.red-ui-tray').length === 1");
  await page.click("#node-dialog-ok, #node-config-dialog-ok", { trial: true });
  return page.locator("#dialog-form, #node-config-dialog-edit-form").innerText();
}

async function closeForm(page: Page): Promise<void> {
  await page.click("#node-dialog-cancel, #node-config-dialog-cancel");
  await page.waitForFunction("document.querySelectorAll('.red-ui-tray').length === 0");
}

/** Waits until a field is marked as wrong and says why when the mouse is over it. */
async function explained(page: Page, field: string, why: string): Promise<void> {
  await page.waitForSelector(`${field}.input-error`);
  await page.hover(field);
  await page.locator(".red-ui-popover-content", { hasText: why }).waitFor();
}

/** For looking at: WARD_SCREENSHOTS names a folder. */
async function screenshot(page: Page, name: string): Promise<void> {
  const shots = process.env["WARD_SCREENSHOTS"] ?? folder;
  await page.screenshot({ path: join(shots, `${name}.png`) });
}
