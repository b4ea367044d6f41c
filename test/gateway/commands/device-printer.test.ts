import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";

import { DevicePrinter } from "../../../gateway/commands/device-printer.ts";
import type { Reading } from "../../../gateway/reading.ts";

test("for people a word is the word, a unit of 1 is none, and no value is said", async () => {
  const [stdout, stderr, stdin] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const stop = new AbortController().signal;
  const printer = new DevicePrinter({ stdout, stderr, stdin, stop }, false);
  const about = {
    kind: "reading",
    device: "d",
    boot: "0000000000000000",
    take: 1,
    mdc: null,
  } as const;
  const more = { at: 0, clock: "unsynchronised", deviceAt: null, path: "" } as const;
  const values: readonly Pick<Reading, "value" | "text" | "unit" | "quality">[] = [
    { value: 36.8, text: "036.80", unit: "Cel", quality: ["valid"] },
    { value: "open", text: "2", unit: "1", quality: ["valid"] },
    { value: "RUN", text: "RUN", unit: "1", quality: ["valid", "test"] },
    { value: 8, text: "8", unit: "1", quality: ["valid"] },
    { value: "<0.5", text: "<0.5", unit: "mmol/L", quality: ["questionable"] },
    { value: null, text: "", unit: "%", quality: ["unavailable"] },
  ];
  const items = values.map((each, index): Reading => {
    return { ...about, ...more, ...each, index, code: `A_${index}` };
  });
  printer.takes([{ device: "d", boot: about.boot, take: 1, class: "vital", items }]);
  stdout.end();
  const lines = (await text(stdout)).trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => line.replace(/^\d\d:\d\d:\d\d {2}/, "")),
    [
      "A_0  036.80 Cel  valid",
      "A_1  open (2)  valid",
      "A_2  RUN  valid test",
      "A_3  8  valid",
      "A_4  <0.5 mmol/L  questionable",
      "A_5  no value  unavailable",
    ],
  );
});
