import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import * as fc from "fast-check";

import { WardError } from "../../../gateway/errors.ts";
import type { InputPart } from "../../../gateway/recording/input.ts";
import { readInput } from "../../../gateway/recording/input.ts";
import { play, timedBytes } from "../../../gateway/recording/player.ts";
import type { Piece, RecordingHeader } from "../../../gateway/recording/recording.ts";
import {
  headerLine,
  LINE_CHARACTERS_MAX,
  PIECE_BYTES_MAX,
  pieceLine,
  RECORDING_START,
} from "../../../gateway/recording/recording.ts";
import { RecordingReader } from "../../../gateway/recording/recording-reader.ts";
import { RecordingWriter } from "../../../gateway/recording/recording-writer.ts";

const HEADER: RecordingHeader = {
  line: "serial:/dev/ttyUSB0",
  model: "masimo-ascii1",
  startedAt: Date.UTC(2026, 10, 23, 10, 0, 0, 250),
  serial: { baud: 9600, format: "8N1", flow: "none" },
  anonymised: false,
};
const HEAD = headerLine(HEADER);

/** All that a reader finds in text that comes in pieces of this size. */
function read(text: string, piece = text.length): { header: RecordingHeader; pieces: Piece[] } {
  const reader = new RecordingReader();
  const bytes = Buffer.from(text, "latin1");
  const found = [];
  for (let from = 0; from < bytes.length; from += Math.max(piece, 1)) {
    found.push(...reader.push(bytes.subarray(from, from + Math.max(piece, 1))));
  }
  reader.end();
  const [first, ...others] = found;
  assert.ok(first?.kind === "header");
  return {
    header: first.header,
    pieces: others.map((one) => {
      assert.ok(one.kind === "piece");
      return { ...one.piece, bytes: Uint8Array.from(one.piece.bytes) };
    }),
  };
}

describe("the format", () => {
  test("is what README.md says, byte by byte", async () => {
    assert.equal(
      HEAD,
      '{"kind":"wardgate-recording","version":1,"line":"serial:/dev/ttyUSB0","model":"masimo-ascii1",' +
        '"started":"2026-11-23T10:00:00.250Z","serial":{"baud":9600,"format":"8N1","flow":"none"},"anonymised":false}\n',
    );
    const piece = pieceLine({ ms: 312.4, from: "device", bytes: Buffer.from("SPO2=098\r\n") });
    assert.equal(piece, '{"ms":312,"from":"device","hex":"53504f323d3039380d0a"}\n');
    const readme = new URL("../../../gateway/recording/README.md", import.meta.url);
    const [, example = ""] = /```\n(\{"kind"[^`]*)```/.exec(await readFile(readme, "utf8")) ?? [];
    assert.deepEqual(read(example).pieces, [
      { ms: 312, from: "device", bytes: Uint8Array.from(Buffer.from("SPO2=098\r\n")) },
    ]);
    assert.ok(HEAD.startsWith(RECORDING_START) && RECORDING_START.length === 29);
  });

  test("what is written is read again, however it is cut", () => {
    const pieces = fc.array(
      fc.record({
        ms: fc.nat(1_000_000),
        from: fc.constantFrom("device" as const, "gateway" as const),
        bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1, max: 500 }), (given, cut) => {
        const ordered = given
          .map((one) => ({ ...one }))
          .toSorted((one, other) => one.ms - other.ms);
        const text = HEAD + ordered.map(pieceLine).join("");
        assert.deepEqual(read(text, cut), { header: HEADER, pieces: ordered });
      }),
    );
  });

  test("the largest piece fits, one byte more does not", () => {
    const line = (bytes: number): string =>
      pieceLine({ ms: 9_999_999_999, from: "gateway", bytes: new Uint8Array(bytes) });
    assert.ok(line(PIECE_BYTES_MAX).length <= LINE_CHARACTERS_MAX);
    assert.equal(read(HEAD + line(PIECE_BYTES_MAX)).pieces[0]?.bytes.length, PIECE_BYTES_MAX);
    assert.throws(() => read(HEAD + line(PIECE_BYTES_MAX + 1)), /line 2: hex is no bytes/);
    assert.throws(() => read(`${HEAD}${"x".repeat(LINE_CHARACTERS_MAX + 1)}`), /too long/);
  });

  test("what is wrong is told with its line, what is wrong and what to do", () => {
    const header = (change: object): string => {
      const value: object = { ...(JSON.parse(HEAD) as object), ...change };
      return `${JSON.stringify(value)}\n`;
    };
    const good = pieceLine({ ms: 5, from: "device", bytes: Buffer.from("x") });
    const cases: readonly (readonly [string, RegExp])[] = [
      ["", /line 1: there is no header/],
      ["{}\n", /line 1: it is no header of a recording/],
      ["[]\n", /line 1: it is no JSON object/],
      [header({ version: 2 }), /line 1: it has another version .* newer one/],
      [header({ line: "tcp://user@host:1" }), /line 1: line is no key/],
      [header({ line: 5 }), /line 1: line is no key/],
      [header({ model: "A B" }), /line 1: model is neither/],
      [header({ started: "yesterday" }), /line 1: started is no time in UTC/],
      [header({ started: "2026-13-41T10:00:00Z" }), /line 1: started is no time in UTC/],
      [header({ serial: { baud: 9600 } }), /line 1: serial has no baud, format and flow/],
      [header({ anonymised: null }), /line 1: anonymised is neither/],
      [`${HEAD}{"ms":1`, /line 2: it breaks off. The pieces before it are good/],
      [`${HEAD}{"ms":1\n`, /line 2: it is no JSON/],
      [`${HEAD}{"ms":-1,"from":"device","hex":"00"}\n`, /line 2: ms is no time/],
      [`${HEAD}{"ms":1e99,"from":"device","hex":"00"}\n`, /line 2: ms is no time/],
      [`${HEAD}${good}{"ms":4,"from":"device","hex":"00"}\n`, /line 3: ms is before/],
      [`${HEAD}{"ms":1,"from":"me","hex":"00"}\n`, /line 2: from is neither/],
      [`${HEAD}{"ms":1,"from":"device","hex":""}\n`, /line 2: hex is no bytes/],
      [`${HEAD}{"ms":1,"from":"device","hex":"0"}\n`, /line 2: hex is no bytes/],
      [`${HEAD}{"ms":1,"from":"device","hex":"zz"}\n`, /line 2: hex is no bytes/],
      [`${HEAD}{"ms":1,"from":"device"}\n`, /line 2: hex is no bytes/],
    ];
    for (const [text, message] of cases) {
      assert.throws(() => read(text), { code: "WARD_RECORDING", message }, text.slice(0, 80));
    }
    const extra = `${header({ note: "later" })}\n${good.replace("}", ',"note":1}')}`;
    assert.equal(read(extra).pieces.length, 1);
    assert.deepEqual(read(header({ model: null, serial: null })).header.model, null);
  });

  test("damage anywhere gives pieces or one plain error, in bounded memory", () => {
    const line = pieceLine({ ms: 5, from: "device", bytes: Buffer.from("hello") });
    const whole = Buffer.from(HEAD + line.repeat(5), "latin1");
    const damage = fc.record({
      place: fc.nat(whole.length - 1),
      bytes: fc.uint8Array({ maxLength: 5 }),
      lost: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), (damages) => {
        let bytes = whole;
        for (const { place, bytes: put, lost } of damages) {
          bytes = Buffer.concat([bytes.subarray(0, place), put, bytes.subarray(place + lost)]);
        }
        try {
          for (const { bytes: found } of read(bytes.toString("latin1")).pieces) {
            assert.ok(found.length > 0);
          }
        } catch (error) {
          assert.ok(error instanceof WardError && error.code === "WARD_RECORDING", String(error));
          assert.match(error.message, /^Cannot read the recording: line \d+: .*\.$/);
          assert.ok(error.message.length < 200);
        }
      }),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        assert.throws(() => read(Buffer.from(noise).toString("latin1")), {
          code: "WARD_RECORDING",
        });
      }),
    );
  });
});

describe("files of bytes", () => {
  async function partsOf(text: string, cut: number): Promise<InputPart[]> {
    const bytes = Buffer.from(text, "latin1");
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (let from = 0; from < bytes.length; from += cut) {
        yield bytes.subarray(from, from + cut);
      }
    }
    const parts: InputPart[] = [];
    for await (const part of readInput(chunks())) {
      parts.push(part);
    }
    return parts;
  }

  test("a recording is told from raw bytes, however it is cut", async () => {
    const piece = pieceLine({ ms: 1, from: "device", bytes: Buffer.from("x") });
    for (const cut of [1, 7, 28, 29, 30, 10_000]) {
      const kinds = (await partsOf(HEAD + piece, cut)).map(({ kind }) => kind);
      assert.deepEqual(kinds, ["header", "piece"], `cut ${cut}`);
      for (const raw of [
        "",
        "\r\n",
        "{",
        '{"kind":"ward',
        '{"kind":"wardgate-recordinG",',
        "12/01/26 00:00",
      ]) {
        const parts = await partsOf(raw, cut);
        const back = parts.map((part) =>
          part.kind === "bytes" ? Buffer.from(part.bytes).toString("latin1") : "?",
        );
        assert.equal(back.join(""), raw);
      }
    }
    await assert.rejects(partsOf(RECORDING_START, 3), { code: "WARD_RECORDING" });
    await assert.rejects(partsOf(HEAD + piece.slice(0, -3), 5), /line 2: it breaks off/);
  });

  test("only the device's side is played, at its times; raw bytes at their pace", async () => {
    const recording = [
      HEAD,
      pieceLine({ ms: 0, from: "gateway", bytes: Buffer.from("ask") }),
      pieceLine({ ms: 100, from: "device", bytes: Buffer.from("one") }),
      pieceLine({ ms: 400, from: "device", bytes: Buffer.from("two") }),
    ].join("");
    const sent: { text: string; at: number }[] = [];
    const from = performance.now();
    async function* parts(text: string): AsyncGenerator<InputPart> {
      yield* await partsOf(text, 1000);
    }
    const send = (bytes: Uint8Array): unknown =>
      sent.push({ text: Buffer.from(bytes).toString(), at: performance.now() - from });
    const { signal } = new AbortController();
    const played = await play(timedBytes(parts(recording), 1), send, { speed: 2, signal });
    assert.deepEqual(played, { pieces: 2, bytes: 6 });
    assert.deepEqual(
      sent.map(({ text }) => text),
      ["one", "two"],
    );
    assert.ok((sent[0]?.at ?? 0) >= 49 && (sent[1]?.at ?? 0) >= 199, JSON.stringify(sent));
    const times: number[] = [];
    for await (const { ms } of timedBytes(parts("x".repeat(250)), 1000)) {
      times.push(ms);
    }
    assert.deepEqual(
      times,
      Array.from({ length: 13 }, (_, place) => 20 * place),
    );
  });

  test("playing ends when it is stopped", async () => {
    async function* endless(): AsyncGenerator<{ ms: number; bytes: Uint8Array }> {
      for (let ms = 0; ; ms += 5) {
        yield { ms, bytes: Uint8Array.of(1) };
      }
    }
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 60);
    const { pieces } = await play(endless(), () => undefined, { speed: 1, signal: stop.signal });
    assert.ok(pieces > 1 && pieces < 100, String(pieces));
  });
});

describe("writing", () => {
  let directory: string;
  before(async () => (directory = await mkdtemp(join(tmpdir(), "wardgate-recording-"))));
  after(() => rm(directory, { recursive: true }));

  test("a new file that only its owner may read, never one that is there", async () => {
    const path = join(directory, "one.ndjson");
    const writer = await RecordingWriter.open(path, HEADER, 1e6);
    writer.write("gateway", Buffer.from("ask"), 1);
    writer.write("device", new Uint8Array(0), 2);
    writer.write("device", new Uint8Array(PIECE_BYTES_MAX + 1), 3.6);
    await writer.close();
    writer.write("device", Buffer.from("late"), 4);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const { header, pieces } = read(await readFile(path, "utf8"));
    assert.deepEqual(header, HEADER);
    assert.deepEqual(
      pieces.map(({ ms, from, bytes }) => [ms, from, bytes.length]),
      [
        [1, "gateway", 3],
        [4, "device", PIECE_BYTES_MAX],
        [4, "device", 1],
      ],
    );
    assert.equal(writer.pieces, 3);
    const again = RecordingWriter.open(path, HEADER, 1e6);
    await assert.rejects(again, { code: "WARD_RECORD_FILE", message: /it is there already/ });
    const nowhere = RecordingWriter.open(join(directory, "no", "x"), HEADER, 1e6);
    await assert.rejects(nowhere, { code: "WARD_RECORD_FILE", message: /ENOENT/ });
  });

  test("it stops at its limit and says so", async () => {
    const path = join(directory, "two.ndjson");
    const writer = await RecordingWriter.open(path, HEADER, 2000);
    for (let ms = 0; ms < 1000; ms += 1) {
      writer.write("device", Buffer.from("0123456789"), ms);
    }
    assert.match(await writer.full, /^the file has 20\d\d bytes, which is its limit$/);
    await writer.close();
    assert.equal(read(await readFile(path, "utf8")).pieces.length, writer.pieces);
  });
});
