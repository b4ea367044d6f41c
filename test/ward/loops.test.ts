import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { numberAt, textAt, valueAt } from "../../gateway/json-value.ts";
import { EditorClient } from "./editor-client.ts";
import { ledgerOf, moreOpened, openHouse, roomPid, until } from "./house.ts";

/** A calculation that never ends and never lets anything else run, in the only language a safe palette has. */
const ENDLESS = "($again := function($n) { $again($n + 1) }; $again(0))";

test("a node that loops forever: the other rooms go on, and the built-in flow takes over", async () => {
  const directory = await mkdtemp(join(tmpdir(), "wardgate-loops-"));
  // The gateway's process takes its settings from here.
  Object.assign(process.env, { WARD_HANG_MS: "4000", WARD_CRASH_LOOP_COUNT: "2" });
  try {
    const demo = await openHouse({ directory });
    const notices: string[] = [];
    demo.on("say", (text) => notices.push(text));
    try {
      await moreOpened(demo, 50);
      const [bedside, keeper] = [roomPid(demo, "bedside"), roomPid(demo, "keeper")];
      const editor = await EditorClient.login(demo);
      const flows = await editor.flows();
      const z = flows.find((node) => node["type"] === "tab")?.["id"];
      const place = { z, x: 200, y: 900 };
      await editor.deploy("nodes", [
        ...flows,
        {
          id: "loop-start",
          type: "inject",
          once: true,
          onceDelay: 0.1,
          props: [],
          ...place,
          wires: [["loop"]],
        },
        {
          id: "loop",
          type: "change",
          rules: [{ t: "set", p: "payload", pt: "msg", to: ENDLESS, tot: "jsonata" }],
          ...place,
          wires: [[]],
        },
      ]);
      await until(
        "the collector-only flow runs",
        () => textAt(demo.latest("gateway"), "rooms", "flowhost", "stats", "mode") === "collector",
        60_000,
      );
      await moreOpened(demo, 100);
      assert.deepEqual([roomPid(demo, "bedside"), roomPid(demo, "keeper")], [bedside, keeper]);
      assert.ok(
        notices.some((text) => /built-in collector-only flow/.test(text)),
        notices.join("\n"),
      );
    } finally {
      await demo.finish();
    }
    const ledger = await ledgerOf(directory);
    assert.equal(
      numberAt(ledger, "totals", "unaccounted"),
      0,
      JSON.stringify(valueAt(ledger, "totals")),
    );
  } finally {
    delete process.env["WARD_HANG_MS"];
    delete process.env["WARD_CRASH_LOOP_COUNT"];
    await rm(directory, { recursive: true, force: true });
  }
});
