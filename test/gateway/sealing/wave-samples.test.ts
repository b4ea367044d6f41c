import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { ColumnReader, ColumnWriter } from "../../../gateway/columns.ts";
import { WardError } from "../../../gateway/errors.ts";
import { WaveReader, WaveWriter } from "../../../gateway/sealing/wave-samples.ts";
import { wardCode } from "../../fakes/sealing-kit.ts";

type Samples = readonly (number | null)[];

/** A block of a series. */
interface Block {
  readonly key: number;
  readonly samples: Samples;
}

function written(blocks: readonly Block[]): Uint8Array {
  const writer = new ColumnWriter();
  const waves = new WaveWriter(writer);
  for (const { key, samples } of blocks) {
    waves.write(samples, key);
  }
  writer.raw(waves.rests());
  return Uint8Array.from(writer.finish());
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function read(bytes: Uint8Array, keys: readonly number[], samplesMax = 100_000): Samples[] {
  const reader = new ColumnReader(bytes);
  const waves = new WaveReader(reader, samplesMax);
  const blocks = keys.map((key) => waves.head(key));
  waves.rests();
  reader.end();
  return blocks;
}

const anySample = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -4000, max: 4000 }) },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constantFrom(2 ** 26 - 1, 1 - 2 ** 26, 0, 2 ** 26) },
);
const largeSample = fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 });
const anyBlock = fc.record({
  key: fc.integer({ min: 0, max: 2 }),
  samples: fc.oneof(
    { weight: 9, arbitrary: fc.array(anySample, { minLength: 1, maxLength: 40 }) },
    { weight: 1, arbitrary: fc.array(largeSample, { minLength: 1, maxLength: 5 }) },
  ),
});

describe("samples of waveforms", () => {
  test("are written as README.md says", () => {
    // A line needs two samples before it: 100, then 3 more; then one step off the line, and back on it.
    // Rests 0, 0, 1, -1 are 0, 0, 2, 1, with k = 0: bits 0 0 110 10.
    const first = { key: 1, samples: [100, 103, 106, 109, 113, 116] };
    assert.equal(hexOf(written([first])), "06 00 02 c801 06 34".replaceAll(" ", ""));
    // The next block goes on: 119 and 122 are as foretold. Missing ones are left out.
    const next = { key: 1, samples: [null, 119, null, null, 122] };
    const bytes = "06 00 02 c801 06 05 02 00 01 01 02 02 3400";
    assert.equal(hexOf(written([first, next])), bytes.replaceAll(" ", ""));
    // Too large for a code: differences, and the next block begins anew with 7 after 0.
    const large = { key: 1, samples: [2 ** 31] };
    const anew = { key: 1, samples: [7] };
    assert.equal(hexOf(written([large])), "0100ff8080808010");
    assert.equal(hexOf(written([large, anew])), "0100ff8080808010" + hexOf(written([anew])));
  });

  test("come back as they were, whatever came before them", () => {
    fc.assert(
      fc.property(fc.array(anyBlock, { maxLength: 8 }), (blocks) => {
        const keys = blocks.map(({ key }) => key);
        const found = read(written(blocks), keys);
        assert.deepStrictEqual(
          found,
          blocks.map(({ samples }) => samples),
        );
      }),
      { numRuns: 500 },
    );
  });

  test("a sudden step costs what it needs and no more", () => {
    const flat = Array.from(
      { length: 200 },
      (_, place) => (place % 2) + (place > 100 ? 30_000 : 0),
    );
    assert.ok(written([{ key: 0, samples: flat }]).length < 110);
    const wild = Array.from(
      { length: 200 },
      (_, place) => (place % 3) * (2 ** 26 - 1) - 2 ** 26 + 1,
    );
    assert.ok(written([{ key: 0, samples: wild }]).length < 200 * 8);
  });

  test("bytes that are none are refused, never more samples than may be", () => {
    fc.assert(
      fc.property(
        fc.array(anyBlock, { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.nat(255),
        (blocks, at, byte) => {
          const bytes = written(blocks);
          bytes[at % bytes.length] = byte;
          const keys = blocks.map(({ key }) => key);
          try {
            read(bytes, keys);
          } catch (error) {
            assert.ok(error instanceof WardError && error.code === "WARD_OPEN", String(error));
          }
          bytes.set(written(blocks));
          assert.equal(
            wardCode(() => read(bytes.subarray(0, -1), keys)),
            "WARD_OPEN",
          );
          assert.equal(
            wardCode(() => read(written(blocks), keys, blocks.length - 1)),
            "WARD_OPEN",
          );
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("a padding that is not zero, a sample out of bounds and an order without samples are refused", () => {
    const refused = (text: string): void => {
      const bytes = Buffer.from(text.replaceAll(" ", ""), "hex");
      assert.equal(
        wardCode(() => read(bytes, [0])),
        "WARD_OPEN",
        text,
      );
    };
    assert.deepEqual(read(Buffer.from("01000000", "hex"), [0]), [[0]]);
    refused("01 00 00 01");
    refused("01 00 02 00");
    refused("01 00 64 00");
    // 23 ones and 32 more: beyond 26 bits.
    refused("01 00 00 ffffff ffffffff fe");
  });
});
