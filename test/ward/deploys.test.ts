import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { numberAt, valueAt } from "../../gateway/json-value.ts";
import { EditorClient } from "./editor-client.ts";
import { ledgerOf, moreOpened, openHouse, until } from "./house.ts";

/** Deploys of every kind, by the editor's own way in, while devices go on talking. */
test("no kind of deploy loses or doubles a reading", async () => {
  const directory = await mkdtemp(join(tmpdir(), "wardgate-deploys-"));
  try {
    const demo = await openHouse({ directory });
    try {
      await moreOpened(demo, 50);
      const editor = await EditorClient.login(demo);
      for (const type of ["full", "flows", "nodes", "full", "reload", "nodes", "flows"] as const) {
        const flows = await editor.flows();
        const moved = flows.map((node) =>
          ["ward-filter", "ward-seal", "ward-check"].includes(String(node["type"]))
            ? { ...node, name: `after a ${type} deploy`, x: Number(node["x"]) + 20 }
            : node,
        );
        const answer = await editor.deploy(type, moved);
        assert.equal(answer.status, 200, answer.body);
        await moreOpened(demo, 20);
      }
      await until("the backlog is gone", () => demo.numbers().backlog < 5);
    } finally {
      const report = await demo.finish();
      for (const [name, row] of Object.entries(report.classes)) {
        assert.equal(row.unaccounted, 0, `${name}: ${JSON.stringify(row)}`);
      }
    }
    const ledger = await ledgerOf(directory);
    assert.equal(
      numberAt(ledger, "totals", "unaccounted"),
      0,
      JSON.stringify(valueAt(ledger, "totals")),
    );
    assert.equal(numberAt(ledger, "totals", "gaps"), 0, "a deploy is no reason for a gap");
    assert.equal(numberAt(ledger, "totals", "dropped"), 0, "a deploy drops nothing");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
