import assert from "node:assert/strict";
import { test } from "node:test";

import { driver } from "../../../gateway/devices/nellcor-n595/driver.ts";
import { decodeWhole, framesOf } from "./captures.ts";

function outputsOf(...lines: string[]) {
  const bytes = Buffer.from(lines.map((line) => `${line}\r\n`).join(""), "latin1");
  return decodeWhole(driver, bytes, { options: {} });
}

/** What the driver makes of lines: "100 105 88 AO" for a frame, the fault word for a fault. */
function decode(...lines: string[]): string[] {
  return outputsOf(...lines).map((output) => {
    if (output.kind === "fault") {
      return output.fault;
    }
    assert.equal(output.kind, "frame");
    return output.readings.map(({ value }) => value ?? "none").join(" ");
  });
}

const HEADING = [
  "N-560    VERSION 1.61.00    CRC:XXXX  SpO2 Limit: 95-100%    PR Limit: 59-148BPM",
  "                             ADULT           25SAT-S ",
  "TIME                 %SpO2   BPM     PA     Status",
];
const TREND = "NPB-290 VERSION 1.0.0.1 TREND SpO2 Limit: 30-100% PR Limit: 100-180BPM";

test("rows in the columns that an N-560 prints are read, headings are no faults", () => {
  assert.deepEqual(
    decode(
      ...HEADING,
      "07-Jan-04 11:24:50   100     105      88                   AO",
      "07-Jan-04 11:24:54   100     102      36    MO             AO",
      "07-Jan-04 11:24:56    97*     99     104    MO SL          AO",
      "07-Jan-04 11:24:58   ---     ---     ---    SO",
      "07-Jan-04 11:25:00    98     101      26",
    ),
    [
      "100 105 88 AO",
      "100 102 36 MO AO",
      "97 99 104 MO SL AO",
      "none none none SO",
      "98 101 26 none",
    ],
  );
});

/** Rows of a log of an N-560, version 1.56, as a public parser's test prints them: short facts about a format. */
test("rows of a real log are read: limits passed, sensor off, zeros and a held number while it searches", () => {
  assert.deepEqual(
    decode(
      "29-Dec-17 07:18:55    99      66       8    MO               ",
      "29-Dec-17 07:18:57    89*     66     201    MO SL            ",
      "29-Dec-17 07:19:07    77*     70       8       SL       AS   ",
      "N-560    VERSION 1.56.00    CRC:XXXX  SpO2 Limit: 90-100%    PR Limit: 60-170BPM",
      "                             ADULT            0SAT-S ",
      "TIME                 %SpO2   BPM     PA     Status",
      "29-Dec-17 07:19:29   ---     ---     ---    SD          AS   ",
      "29-Dec-17 07:20:27     0       0     ---    PS               ",
      "29-Dec-17 07:20:43    94     119       5                     ",
      "29-Dec-17 07:21:13    96      63     ---    PS                  ",
    ),
    [
      "99 66 8 MO",
      "89 66 201 MO SL",
      "77 70 8 SL AS",
      "none none none SD AS",
      "none none none PS",
      "94 119 5 none",
      "none none none PS",
    ],
  );
});

test("the example of the manuals is read", () => {
  assert.deepEqual(
    decode(
      "NPB-295 VERSION 2.0.0.0 CRC: XXXX SpO2 Limit: 70-100% PR Limit: 60-160BPM",
      "TIME %SPO2 BPM PA Status",
      "12-NOV-98 14:00:05 100 120 50",
    ),
    ["100 120 50 none"],
  );
});

test("the N-595's own headings, identification and menu are no faults", () => {
  assert.deepEqual(
    decode(
      "N-595    VERSION 1.70.00   CRC:XXXX   SpO2 Limit:  90-100%   PR Limit:  50-120BPM",
      "            ADULT      0SAT-S     SPO2 RESP MODE: NORMAL",
      "            NEO       10SAT-S     SPO2 RESP MODE: FAST",
      "TIME                 %SPO2   BPM     PA     Status",
      "N-595    VERSION 1.70.00   INFO   CRC:XXXX   SEC:12 / 34",
      "NPB-595   Interactive Mode",
      "    1) Dump Instrument Info",
      "    0) Exit Interactive Mode",
      "    Command?",
    ),
    [],
  );
});

test("stored rows below a trend heading give nothing, current ones after it do", () => {
  const old = "22-NOV-97 14:00:05 100 120 150";
  const current = "22-NOV-97 16:00:05 99 121 151";
  const columns = "TIME %SPO2 BPM PA";
  assert.deepEqual(decode(TREND, columns, old, old, "Output Complete", current), [
    "99 121 151 none",
  ]);
  assert.deepEqual(decode(TREND, old), []);
  assert.deepEqual(decode(columns, old), []);
  assert.deepEqual(decode(TREND, old, ...HEADING, current), ["99 121 151 none"]);
});

test("words that say there is no measurement win over numbers", () => {
  for (const word of ["SD", "SO", "PS", "LP", "LM"]) {
    assert.deepEqual(decode(`12-NOV-98 14:00:05 100 120 50 ${word} AO`), [
      `none none none ${word} AO`,
    ]);
  }
});

test("motion and words of no manual make numbers questionable, limits and switches do not", () => {
  const qualities = (row: string) =>
    framesOf(outputsOf(row)).flatMap(({ readings }) =>
      readings.map(({ quality }) => quality.join()),
    );
  assert.deepEqual(qualities("12-NOV-98 14:00:05 100 120 50 MO"), [
    "questionable",
    "questionable",
    "questionable",
    "valid",
  ]);
  assert.deepEqual(qualities("12-NOV-98 14:00:05 100 120 50 XY")[0], "questionable");
  assert.deepEqual(qualities("12-NOV-98 14:00:05 100 180* 50 PH AS LB AO"), [
    "valid",
    "in-alarm",
    "valid",
    "valid",
  ]);
  assert.deepEqual(qualities("12-NOV-98 14:00:05 85* 120 50 SL MO")[0], "questionable,in-alarm");
});

test("a number that left its column gives up the row", () => {
  const good = "07-Jan-04 11:24:50   100     105      88";
  for (const bad of [
    "07-Jan-04 11:24:50   10     105      88",
    "07-Jan-04 11:24:50   100     05      88",
    "07-Jan-04 11:24:50   100     105      8",
    "07-Jan-04 11:24:50  100     105      88",
  ]) {
    assert.deepEqual(decode(good, bad, good), ["100 105 88 none", "framing", "100 105 88 none"]);
    assert.deepEqual(decode(bad, good), ["framing", "100 105 88 none"]);
  }
});

test("other columns are believed when they come twice, and then the first row as well", () => {
  assert.deepEqual(
    decode(
      "07-Jan-04 11:24:50    100    105    88",
      "07-Jan-04 11:24:52     98    105    88",
      "07-Jan-04 11:24:54     98     99     8",
    ),
    ["100 105 88 none", "98 105 88 none", "98 99 8 none"],
  );
  assert.deepEqual(decode("07-Jan-04 11:24:50    100    105    88"), ["framing"]);
});

test("where columns change on the way, the first row that has others may be a damaged one", () => {
  assert.deepEqual(
    decode(
      "07-Jan-04 11:24:50   100     105      88",
      "07-Jan-04 11:24:52     98    105    88",
      "07-Jan-04 11:24:54     98     99     8",
    ),
    ["100 105 88 none", "framing", "98 99 8 none"],
  );
});

test("a device clock that names no time is none", () => {
  const deviceAt = (row: string) => framesOf(outputsOf(row))[0]?.readings[0]?.deviceAt;
  assert.equal(deviceAt("12-NOV-98 14:00:05 100 120 50"), Date.parse("1998-11-12T14:00:05Z"));
  assert.equal(deviceAt(" 2-Feb-00 13:26:32 100 139 30 MO"), Date.parse("2000-02-02T13:26:32Z"));
  assert.equal(deviceAt("00-JAN-00 00:00:00 100 120 50"), null);
  assert.equal(deviceAt("12-DEZ-98 14:00:05 100 120 50"), null);
});
