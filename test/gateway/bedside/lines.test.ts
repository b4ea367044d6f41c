import assert from "node:assert/strict";
import { test } from "node:test";

import { BedsideLines } from "../../../gateway/bedside/lines.ts";
import { LinePool } from "../../../gateway/bedside/line-pool.ts";
import { TakeNumberer } from "../../../gateway/bedside/take.ts";
import { bedsideParser } from "../../../gateway/flowhost/bedside-messages.ts";
import type { LineStatus } from "../../../gateway/rooms.ts";
import { TakeEncoder } from "../../../gateway/takes/take-encoder.ts";
import { TakeMessages } from "../../../gateway/takes/take-messages.ts";
import { TakeReader } from "../../../gateway/takes/take-reader.ts";

test("however much there is to say of a device, the flow host can hear it", () => {
  const statuses: LineStatus[] = [];
  const texts: string[] = [];
  const lines = new BedsideLines({
    pool: new LinePool({ allowedLines: [], openLine: () => Promise.reject(new Error("none")) }),
    driver: () => undefined,
    frame: () => undefined,
    fault: () => undefined,
    notice: (_device, _notice, text) => texts.push(text),
    status: (_device, status) => statuses.push(status),
    now: () => 1_795_475_502_000,
  });
  const model = `no-${"such-".repeat(100)}model`;
  const subscription = {
    device: "bed-1/a",
    model,
    line: "tcp://10.0.0.1:1",
    unit: null,
    options: {},
  };
  lines.subscribe([subscription]);
  const reader = new TakeReader();
  const parse = bedsideParser(reader);
  for (const status of [...statuses, lines.report(1).get("bed-1/a")]) {
    assert.doesNotThrow(() => parse({ t: "line", device: "bed-1/a", line: status }, []));
  }
  const numberer = new TakeNumberer("00112233445566ff");
  const [text = ""] = texts;
  const facts = { notice: "model-unknown", text, since: null };
  const fresh = numberer.notice("gateway", facts, 1_795_475_502_000, "synchronised");
  const [bytes] = new TakeMessages().write([new TakeEncoder().encode(fresh)]);
  const [take] = reader.read(bytes!);
  const [item] = take?.items ?? [];
  assert.ok(item?.kind === "notice");
  assert.match(item.text, /^bed-1\/a: there is no driver/);
});
