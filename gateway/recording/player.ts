import { setTimeout as sleep } from "node:timers/promises";

import type { InputPart } from "./input.ts";

/** Bytes of a device, and when they came (milliseconds from the start). */
export interface TimedBytes {
  readonly ms: number;
  readonly bytes: Uint8Array;
}

export interface PlayOptions {
  /** 2 is twice as fast. */
  readonly speed: number;
  readonly signal: AbortSignal;
}

/** What was played. */
export interface Played {
  readonly pieces: number;
  readonly bytes: number;
}

/** Sends pieces at their times, or all the faster; ends early when aborted. */
export async function play(
  pieces: AsyncIterable<TimedBytes>,
  send: (bytes: Uint8Array) => void,
  { speed, signal }: PlayOptions,
): Promise<Played> {
  const startedAt = performance.now();
  let count = 0;
  let sent = 0;
  for await (const { ms, bytes } of pieces) {
    await waitUntil(startedAt + ms / speed, signal);
    if (signal.aborted) {
      break;
    }
    send(bytes);
    count += 1;
    sent += bytes.length;
  }
  return { pieces: count, bytes: sent };
}

/**
 * The device's side of a recording with its own times; raw bytes with the times they would have on a line of this many bytes a
 * second.
 */
export async function* timedBytes(
  parts: AsyncIterable<InputPart>,
  bytesPerSecond: number,
): AsyncGenerator<TimedBytes> {
  const due = Math.round((bytesPerSecond * STEP_MS) / 1000);
  const step = Math.min(Math.max(1, due), STEP_BYTES_MAX);
  let offset = 0;
  for await (const part of parts) {
    if (part.kind === "piece" && part.piece.from === "device") {
      yield part.piece;
    } else if (part.kind === "bytes") {
      for (let at = 0; at < part.bytes.length; at += step) {
        const bytes = part.bytes.subarray(at, at + step);
        yield { ms: (1000 * offset) / bytesPerSecond, bytes };
        offset += bytes.length;
      }
    }
  }
}

/** Raw bytes are sent so often, and no more of them at once: they must fit into a datagram. */
const STEP_MS = 20;
const STEP_BYTES_MAX = 16_384;

async function waitUntil(at: number, signal: AbortSignal): Promise<void> {
  const waitMs = at - performance.now();
  if (waitMs > 0) {
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  }
}
