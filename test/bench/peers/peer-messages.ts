import { WardError } from "../../../gateway/errors.ts";
import { readRecord } from "../../../gateway/sealing/open.ts";
import type { StockReading } from "../house/stock-readings.ts";

/** What the receiver reads from a message to know it again. */
export interface Mark {
  /** Counts from 0 per kind and sender; null for a message that has no number, which then counts as new. */
  readonly number: number | null;
  /** Readings in it. */
  readonly readings: number;
}

/** One reading a message, as an engineer would send it, with the number that the receiver knows it by. */
export function readingMessage(number: number, reading: StockReading): Buffer {
  return Buffer.from(JSON.stringify({ n: number, at: Date.now(), ...reading }));
}

/** A small message about a device, with the instant of its sending. */
export function noticeMessage(number: number): Buffer {
  const notice = { n: number, sentMs: monotonicMs(), at: Date.now() };
  return Buffer.from(
    JSON.stringify({ ...notice, device: "bed-1/monitor", notice: "device-silent", text: TEXT }),
  );
}

/** Who sends, and what a message is about, by its topic. */
export function topicOf(gateway: string, kind: "vital" | "notice"): string {
  return `ward/v1/${gateway}/up/live/${kind}`;
}

/** Reads a message's mark: of JSON by its first field alone, of a sealed record from its two headers. */
export function markOf(payload: Uint8Array): Mark {
  if (payload[0] !== BRACE) {
    const { place, header } = readRecord(payload);
    return { number: place.sequence, readings: header.count };
  }
  const head = Buffer.from(payload.buffer, payload.byteOffset, Math.min(HEAD, payload.length));
  const number = NUMBER.exec(head.toString("latin1"))?.[1];
  return { number: number === undefined ? null : Number(number), readings: 1 };
}

/** When a notice was sent, by `monotonicMs`. Throws WardError `WARD_BENCH` when it does not say. */
export function sentMsOf(payload: Uint8Array): number {
  const sent = SENT.exec(Buffer.from(payload).toString("latin1"))?.[1];
  if (sent === undefined) {
    throw new WardError("WARD_BENCH", "Cannot measure: a notice does not say when it was sent.");
  }
  return Number(sent);
}

/** Milliseconds of a clock that all processes of a machine share and nobody sets. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const BRACE = 0x7b;
/** Bytes that hold the first field whatever its number. */
const HEAD = 24;
const NUMBER = /^\{"n":(\d+),/;
const SENT = /"sentMs":([\d.]+)/;
const TEXT = "Nothing has come from the device for 5 seconds.";
