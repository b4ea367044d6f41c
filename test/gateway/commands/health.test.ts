import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { command } from "../../../gateway/commands/health.ts";
import { serveControl } from "../../../gateway/house/control.ts";
import type { Health } from "../../../gateway/house/health.ts";
import { run } from "./wardgate.ts";

const root = mkdtempSync(join(tmpdir(), "wardgate-health-"));
after(() => rmSync(root, { recursive: true }));

async function said(
  health: Health,
  ...more: string[]
): Promise<readonly [number | string, string]> {
  const house = {
    ask: async () => null,
    stats: () => null,
    facts: () => ({}),
    health: () => health,
  };
  const control = await serveControl(root, house);
  const { code, stdout } = await run(command, ["--data", root, ...more]);
  control.close();
  await once(control, "close");
  return [code, stdout];
}

test("a healthy gateway gives one line and 0, every other one line and 1", async () => {
  const good: Health = { state: "good", text: "6 devices deliver", forMs: 0 };
  assert.deepEqual(await said(good), [0, "good: 6 devices deliver\n"]);
  const stuck: Health = { state: "stuck", text: "nothing came", forMs: 5 };
  assert.deepEqual(await said(stuck), [1, "stuck: nothing came\n"]);
  assert.deepEqual(await said({ ...stuck, state: "poor" }), [1, "poor: nothing came\n"]);
  assert.deepEqual(await said(good, "--json"), [0, `${JSON.stringify(good)}\n`]);
});

test("a gateway that does not run is not healthy, and that is no error of the question", async () => {
  const { code, stdout } = await run(command, ["--data", root]);
  assert.equal(code, 1);
  assert.match(stdout, /^stuck: Cannot ask the gateway .*none is running/);
  assert.equal((await run(command, [])).code, "WARD_USAGE");
});
