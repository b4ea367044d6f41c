import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { Demo } from "../../gateway/demo/demo.ts";
import { moreOpened, openHouse } from "../ward/house.ts";
import { openEditor, type OpenPage } from "./browser.ts";

let demo: Demo;
let open: OpenPage;

before(async () => {
  demo = await openHouse();
  await moreOpened(demo, 20);
  open = await openEditor(demo, { width: 1280, height: 900 });
});

after(async () => {
  await open?.close();
  await demo?.close();
});

test("an engineer sees a device's wiring sheet and tests it before anything is deployed", async () => {
  const { page, troubles } = open;
  await editFirst("ward-serial");
  const options = await page.$$eval("#node-input-model option", (all) =>
    all.map((option) => option.getAttribute("value")),
  );
  assert.ok(options.includes("masimo-ascii1"));

  await page.click(".ward-model-row button");
  await page.waitForSelector(".ward-wiring h2");
  assert.match((await page.textContent(".ward-wiring")) ?? "", /Wiring/);
  await page.click("#ward-wiring-close");
  await page.waitForSelector(".ward-wiring", { state: "detached" });

  await page.click("#ward-test button");
  await page.waitForSelector(".ward-readings .ward-value");
  assert.match(
    (await page.textContent(".ward-test-results")) ?? "",
    /as the running flow reads it/,
  );
  assert.match((await page.textContent(".ward-readings")) ?? "", /MDC_PULS_OXIM_SAT_O2/);

  // Another model on the same line is refused in words that name who reads it.
  await page.click("#ward-test button");
  const model = await page.inputValue("#node-input-model");
  const other = model === "masimo-ascii1" ? "nonin-oem3-format2" : "masimo-ascii1";
  await page.selectOption("#node-input-model", other);
  await page.click("#ward-test button");
  await page.waitForFunction(() =>
    /is read over this line by the running flow/.test(
      document.querySelector(".ward-test-state")?.textContent ?? "",
    ),
  );
  await page.click("#node-dialog-cancel");
  await page.waitForSelector("#node-dialog-cancel", { state: "detached" });
  assert.deepEqual(
    troubles.filter((text) => !/400/.test(text)),
    [],
  );
});

test("options are fields with what they are for, and only what was changed is kept", async () => {
  const { page } = open;
  const id = await editFirst("ward-modbus");
  await page.waitForSelector("#node-input-options-fields summary");
  await page.click("#node-input-options-fields summary");
  const first = page.locator("#node-input-options-fields select").first();
  await first.selectOption({ label: "absent" });
  await page.click("#node-dialog-ok");
  await page.waitForSelector("#node-dialog-ok", { state: "detached" });
  const kept = await page.evaluate(
    (node) => Reflect.get(globalThis, "RED").nodes.node(node).options as unknown,
    id,
  );
  assert.deepEqual(kept, [{ name: "room-pressure", value: "absent" }]);
});

test("registers that were looked at and ticked go into a map of one's own", async () => {
  const { page } = open;
  await editFirst("ward-modbus");
  await page.selectOption("#node-input-model", "generic-modbus");
  await page.click("#ward-look");
  await page.selectOption(".ward-look-head select", "4");
  await page.click(".ward-look-head .red-ui-button");
  await page.locator(".ward-look .ward-readings input").nth(1).check();
  assert.match((await page.textContent(".ward-look .ward-readings")) ?? "", /refused/);
  await page.click("#ward-look-take");
  await page.waitForSelector(".ward-look", { state: "detached" });
  const map = JSON.parse(await page.inputValue("#ward-option-map")) as { points: unknown };
  assert.deepEqual(map.points, [
    { code: "SITE_REGISTER_1", function: 4, address: 1, type: "uint16", unit: "1" },
  ]);
  await page.click("#node-dialog-cancel");
  await page.waitForSelector("#node-dialog-cancel", { state: "detached" });
});

test("an OPC-UA server is browsed step by step", async () => {
  const { page } = open;
  await editFirst("ward-opcua");
  await page.click("#ward-look");
  await page.click('.ward-look td button:text-is("DeviceSet")');
  await page.waitForFunction(
    () => document.querySelectorAll(".ward-look-head button").length === 2,
  );
  await page.waitForSelector(".ward-look .ward-readings td");
  await page.click("#ward-look-close");
  await page.waitForSelector(".ward-look", { state: "detached" });
  await page.click("#node-dialog-cancel");
});

/** Opens the form of the first node of a type; gives its id. */
async function editFirst(type: string): Promise<string> {
  const { page } = open;
  const id = await page.evaluate((wanted) => {
    const { nodes, editor } = Reflect.get(globalThis, "RED");
    const [node] = nodes.filterNodes({ type: wanted });
    editor.edit(node);
    return String(node.id);
  }, type);
  await page.waitForSelector("#ward-test button");
  await page.waitForSelector("#node-input-model optgroup", { state: "attached" });
  return id;
}
