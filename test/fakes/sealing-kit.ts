import assert from "node:assert/strict";
import { createSecretKey, generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";

import * as fc from "fast-check";

import { WardError } from "../../gateway/errors.ts";
import { CLASSES, CLOCK_QUALITIES, QUALITIES } from "../../gateway/reading.ts";
import type { Item, Reading } from "../../gateway/reading.ts";
import type { RecipientKey } from "../../gateway/rooms.ts";
import { TIME_MAX } from "../../gateway/sealing/envelope.ts";
import { Sealer } from "../../gateway/sealing/seal.ts";
import type { SealerOptions } from "../../gateway/sealing/seal.ts";

export const GATEWAY = "gw-1";
export const STORE = "0011223344556677";
export const BOOT = "0123456789abcdef";
export const AT = 1_795_475_502_598;

export interface Party {
  readonly kid: string;
  readonly key: KeyObject;
  readonly recipient: RecipientKey;
}

/** A recipient with both halves of its key. */
export function party(kid: string): Party {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ format: "der", type: "spki" }).toString("base64");
  return { kid, key: privateKey, recipient: { kid, spki } };
}

export function signingKeys(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync("ed25519");
}

export function sealerFor(parties: readonly Party[], more: Partial<SealerOptions> = {}): Sealer {
  return new Sealer({
    gateway: GATEWAY,
    origin: "flowhost",
    recipients: parties.map(({ recipient }) => recipient),
    now: () => AT,
    ...more,
  });
}

/** A secret of 32 equal bytes, for known answers. */
export function fixedKey(byte: number): KeyObject {
  return createSecretKey(Buffer.alloc(32, byte));
}

/** A reading like those of a monitor. */
export function reading(more: Partial<Reading> = {}): Reading {
  return {
    kind: "reading",
    device: "bed-12/monitor",
    boot: BOOT,
    take: 17,
    index: 0,
    code: "MDC_PULS_OXIM_SAT_O2",
    mdc: 150_456,
    value: 97,
    text: "97",
    unit: "%",
    at: AT,
    clock: "synchronised",
    deviceAt: null,
    quality: ["valid"],
    path: "1.1.1",
    ...more,
  };
}

/** `count` readings of `devices` monitors that give five numerics a second, as they come from bedside. */
export function wardReadings(count: number, devices: number): Reading[] {
  const codes = ["SAT_O2", "PULS_RATE", "RESP_RATE", "TEMP", "NIBP_MEAN"];
  return Array.from({ length: count }, (_, place) => {
    const index = place % codes.length;
    const poll = Math.floor(place / codes.length);
    const take = 1 + Math.floor(poll / devices);
    const text = index === 3 ? (36.5 + (take % 7) / 10).toFixed(1) : `${60 + ((take * 3) % 11)}`;
    return reading({
      device: `bed-${poll % devices}/monitor`,
      take,
      index,
      code: `MDC_${codes[index]}`,
      mdc: 150_000 + index,
      text,
      value: Number(text),
      at: AT + take * 1000 + (poll % devices) * 37 + ((take * 31) % 5),
    });
  });
}

/** The code of the WardError that `act` throws; anything else thrown, or nothing, fails. */
export function wardCode(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof WardError, `threw ${String(error)}`);
    return error.code;
  }
  assert.fail("nothing was thrown");
}

/** Each bit turned over once, one at a time. */
export function* flips(bytes: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const copy = Uint8Array.from(bytes);
    copy[bit >> 3]! ^= 1 << (bit & 7);
    yield copy;
  }
}

/** Any text that is well-formed: astral, combining, byte order marks, controls. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }).filter((text) => text.isWellFormed()),
  fc.constantFrom("", "\uFEFF", "\uFEFFx", "\u0000", "é̂", "🫀🫁", "__proto__", "a".repeat(2000)),
);

const anyTime = fc.oneof(
  fc.integer({ min: AT - 5000, max: AT + 5000 }),
  fc.constantFrom(0, TIME_MAX),
  fc.maxSafeNat().map((time) => time % TIME_MAX),
);
const anyDeviceTime = fc.oneof(anyTime, fc.constantFrom(-TIME_MAX, -1), fc.constant(null));
const anyBoot = fc.constantFrom(BOOT, "0000000000000000", "ffffffffffffffff");
const anyDevice = fc.constantFrom("bed-1/monitor", "bed-2/monitor", "00-00-5e-00-53-01", "gateway");
const anyTake = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constant(TIME_MAX));
const anyMdc = fc.oneof(fc.constantFrom(null, 0, 150_456, 2 ** 32 - 1), fc.nat());
const anyQuality = fc.array(fc.constantFrom(...QUALITIES), { maxLength: 5 });

/** Decimal strings as devices print them, and strings that only look like them. */
const anyDecimalText = fc.oneof(
  fc.stringMatching(/^-?0{0,3}[0-9]{1,17}(\.[0-9]{0,16})?$/),
  fc.constantFrom("-0", "-0.0", "00", "0.0", ".5", "5.", "+5", "1e3", "--", "1.2.3", " 7", "NaN"),
);
const anyNumber = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constantFrom(-0, Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53, -(2 ** 53), 0.1 + 0.2),
);
/** Value and text: of one piece, or not at all. */
const anyValue: fc.Arbitrary<Pick<Reading, "value" | "text">> = fc.oneof(
  fc.constant({ value: null, text: "" }),
  anyText.map((text) => ({ value: null, text })),
  anyText.map((text) => ({ value: text, text })),
  fc.record({ value: anyText, text: anyText }),
  fc.record({ value: anyNumber, text: fc.oneof(anyText, anyDecimalText) }),
  anyNumber.map((value) => ({ value, text: String(value) })),
  anyDecimalText
    .filter((text) => Number.isFinite(Number(text)))
    .map((text) => ({ value: Number(text), text })),
);

const identity = {
  device: anyDevice,
  boot: anyBoot,
  take: anyTake,
  index: fc.integer({ min: 0, max: 49 }),
};
const series = { code: anyText, mdc: anyMdc, unit: anyText };
const clock = fc.constantFrom(...CLOCK_QUALITIES);

/** Objects as they come out of JSON, with the prototype that fast-check sometimes leaves off. */
const plain = { noNullPrototype: true };

const anyReading = fc
  .tuple(
    fc.record(
      {
        kind: fc.constant("reading" as const),
        ...identity,
        ...series,
        at: anyTime,
        clock,
        deviceAt: anyDeviceTime,
        quality: anyQuality,
        path: anyText,
      },
      plain,
    ),
    anyValue,
  )
  .map(([rest, value]): Item => Object.assign(rest, value));

const anySample = fc.oneof(
  fc.integer({ min: -2048, max: 2047 }),
  fc.constant(null),
  fc.constantFrom(TIME_MAX, -TIME_MAX, 0),
);
const anyPositive = fc.oneof(
  fc.integer({ min: 1, max: 5000 }),
  fc.double({ min: 1e-9, max: 1e9, noNaN: true }),
);

const anyWaveform: fc.Arbitrary<Item> = fc.record(
  {
    kind: fc.constant("waveform" as const),
    ...identity,
    ...series,
    start: anyTime,
    clock,
    period: fc.record({ ms: anyPositive, samples: anyPositive }, plain),
    scale: anyNumber,
    offset: anyNumber,
    samples: fc.array(anySample, { minLength: 1, maxLength: 60 }),
    gap: fc.boolean(),
    quality: anyQuality,
    path: anyText,
  },
  plain,
);

const anyNotice: fc.Arbitrary<Item> = fc.record(
  {
    kind: fc.constant("notice" as const),
    ...identity,
    notice: anyText,
    text: anyText,
    at: anyTime,
    clock,
    since: anyDeviceTime,
  },
  plain,
);

/** Any item that can be sealed. */
export const anyItem: fc.Arbitrary<Item> = fc.oneof(anyReading, anyWaveform, anyNotice);
export const anyItems: fc.Arbitrary<Item[]> = fc.array(anyItem, { minLength: 1, maxLength: 40 });
export const anyClass = fc.constantFrom(...CLASSES);
