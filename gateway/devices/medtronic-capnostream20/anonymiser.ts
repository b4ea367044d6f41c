import type { Anonymiser } from "../device.ts";
import type { CapnoMessage } from "./capno-frames.ts";
import { CapnoFrames, messageOf } from "./capno-frames.ts";

/**
 * Keeps patients out of a recording. CO2 samples, numerics and the device id are kept as far as the protocol describes them; of every other
 * message (patient ids, events, trends, what nobody knows) only that it came: its data become zeros. What is no whole message is left out.
 */
export class CapnoAnonymiser implements Anonymiser {
  readonly #frames = new CapnoFrames();

  push(bytes: Uint8Array): Uint8Array {
    return keptOf(this.#frames.push(bytes));
  }

  end(): Uint8Array {
    return keptOf(this.#frames.end());
  }
}

function keptOf(found: ReturnType<CapnoFrames["push"]>): Uint8Array {
  const kept = found.flatMap((item) => (item.kind === "message" ? masked(item) : []));
  return Uint8Array.from(kept);
}

function masked({ code, data }: CapnoMessage): number[] {
  const clear = CLEAR_BYTES.get(code) ?? 0;
  const shown = Array.from(data, (byte, place) => (place < clear ? byte : 0));
  return [...messageOf(code, shown)];
}

/** How many bytes of the data say nothing about who the patient is, by code: CO2 sample, numerics, device id. */
const CLEAR_BYTES: ReadonlyMap<number, number> = new Map([
  [0, 4],
  [1, 27],
  [4, 30],
]);
