import { chromium, type Page } from "playwright-core";

import type { Demo } from "../../gateway/demo/demo.ts";

/** Debian's Chromium; the flags keep it from looking for its maker's servers. */
export const CHROMIUM = "/usr/bin/chromium";
export const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface OpenPage {
  readonly page: Page;
  /** What the page wrote to its console as an error, and requests that failed. */
  readonly troubles: string[];
  readonly close: () => Promise<void>;
}

/** A browser of this size on the demo's editor, logged in with the demo's one-time login. */
export async function openEditor(
  demo: Demo,
  size: { readonly width: number; readonly height: number },
  colorScheme: "light" | "dark" = "light",
): Promise<OpenPage> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: size,
    colorScheme,
    locale: "en-US",
  });
  const page = await context.newPage();
  await page.goto(demo.editorUrl);
  await page.waitForURL((url) => url.pathname !== "/login");
  // What the pages leave undone when somebody goes on is not the editor's trouble.
  await page.goto("about:blank");
  const troubles: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") {
      troubles.push(message.text());
    }
  });
  page.on("requestfailed", (request) => {
    // The pages' stream ends when somebody goes on to the editor.
    if (!request.url().includes("/api/events")) {
      troubles.push(`${request.url()}: ${request.failure()?.errorText}`);
    }
  });
  await page.goto(new URL("/flow/", demo.editorUrl).href);
  await page.waitForSelector("#red-ui-workspace-chart .red-ui-flow-node", { timeout: 60_000 });
  return { page, troubles, close: () => browser.close() };
}
