import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";

import { TakeNumberer } from "../../../gateway/bedside/take.ts";
import { driver } from "../../../gateway/devices/generic-line/driver.ts";
import type { Item } from "../../../gateway/reading.ts";
import { recipientKid } from "../../../gateway/sealing/recipient-kid.ts";
import { Sealer } from "../../../gateway/sealing/seal.ts";
import { RecordSigner } from "../../../gateway/sealing/sign.ts";
import { MONITOR_OPTIONS, monitorLines } from "../house/monitor-lines.ts";

export const READINGS_PER_BATCH = 1000;
const DEVICES = 8;
/** The span of one batch (milliseconds): the window of the flow that ships. */
const WINDOW_MS = 100;
/** Different batches; they are signed round and round. */
const BATCHES = 16;
const LINES_PER_BATCH = 50;

/** Readings as bedside numbers them, of the same devices as the house's load: so many batches, 1000 readings in each. */
export function batchesOfItems(batches: number): Item[][] {
  const numberer = new TakeNumberer(randomBytes(8).toString("hex"));
  const beds = Array.from({ length: DEVICES }, (_, place) => ({
    device: `bed-${place + 1}/monitor`,
    decoder: driver.open(MONITOR_OPTIONS, "tcp"),
    lines: monitorLines(place + 1, Math.ceil((batches * LINES_PER_BATCH) / DEVICES)),
  }));
  const startedAt = Date.now();
  return Array.from({ length: batches }, (_batch, batch) => {
    const items: Item[] = [];
    for (let line = 0; items.length < READINGS_PER_BATCH; line += 1) {
      const at = startedAt + Math.floor((batch + line / LINES_PER_BATCH) * WINDOW_MS);
      const bed = beds[line % DEVICES]!;
      const bytes = bed.lines[Math.floor((batch * LINES_PER_BATCH + line) / DEVICES)]!;
      for (const output of bed.decoder.push(bytes, at)) {
        if (output.kind === "frame") {
          items.push(
            ...numberer
              .number(bed.device, output, at, "synchronised")
              .flatMap((take) => take.items),
          );
        }
      }
    }
    return items.slice(0, READINGS_PER_BATCH);
  });
}

/** A sealer as the flow host has it, for a recipient that nobody is. */
export function sealerOf(gateway: string): Sealer {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ format: "der", type: "spki" }).toString("base64");
  const recipients = [{ kid: recipientKid(publicKey), spki }];
  return new Sealer({ gateway, origin: "flowhost", recipients, now: Date.now });
}

/** Sealed and signed records of 1000 readings, as the keeper hands them to its uplink, each with a place of its own. */
export class RealBatches {
  readonly #gateway: string;
  readonly #store: string = randomBytes(8).toString("hex");
  readonly #signer: RecordSigner;
  readonly #sealed: readonly Uint8Array[];
  #sequence = 0;
  #previous: string | null = null;

  constructor(o: { readonly gateway: string; readonly signingKey: KeyObject }) {
    const sealer = sealerOf(o.gateway);
    this.#gateway = o.gateway;
    this.#signer = new RecordSigner({ key: o.signingKey });
    this.#sealed = batchesOfItems(BATCHES).map((items) => sealer.sealItems("vital", items).bytes);
  }

  /** The next record of the chain. */
  next(): Uint8Array {
    const { bytes, hash } = this.#signer.sign(this.#sealed[this.#sequence % BATCHES]!, {
      gateway: this.#gateway,
      store: this.#store,
      class: "vital",
      sequence: this.#sequence,
      previous: this.#previous,
      storedAt: Date.now(),
    });
    this.#sequence += 1;
    this.#previous = hash;
    return bytes;
  }
}
