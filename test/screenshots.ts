import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { openEditor } from "./system/browser.ts";
import { moreOpened, openHouse } from "./ward/house.ts";

/**
 * `npm run screenshots`: makes the pictures of the docs from a running demo, in Debian's Chromium. Folder: docs/, or the first
 * argument.
 */
const folder = process.argv[2] ?? join(import.meta.dirname, "..", "docs");
await mkdir(folder, { recursive: true });
const demo = await openHouse({ beds: 16 });
try {
  await moreOpened(demo, 100);
  const { page, close } = await openEditor(demo, { width: 1440, height: 900 });
  try {
    await sleep(3000);
    await page.screenshot({ path: join(folder, "editor.png") });
    await page.goto(new URL("/board", demo.editorUrl).href);
    await page.waitForSelector(".tile .live");
    await sleep(3000);
    await page.screenshot({ path: join(folder, "board.png") });
  } finally {
    await close();
  }
} finally {
  await demo.close();
}
