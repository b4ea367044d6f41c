import { createHash } from "node:crypto";

import { WardError } from "../errors.ts";
import { oneIndex, unionOf } from "../indices.ts";
import type { ClassName, Item } from "../reading.ts";
import type { TakeRef } from "../rooms.ts";
import type { Sealed } from "../sealing/seal.ts";
import type { KeptItems } from "./settlement.ts";
import { keyOf } from "./take-state.ts";

/** A batch that was sealed in this process and may still come back to be stored. */
export interface SealedRecord {
  readonly class: ClassName;
  readonly salt: string;
  readonly kept: readonly KeptItems[];
  /** Set once it was handed over, so that storing it twice is storing it once. */
  stored: Promise<void> | null;
}

/**
 * What was sealed here. A flow carries the bytes from the seal to the outbox, and may lose, change or mix them up on the way: only
 * bytes that were sealed here are stored, and what they settle is what was sealed, whatever the message says.
 */
export class SealedRegister {
  readonly #records = new Map<string, SealedRecord & { readonly hash: string }>();
  readonly #most: number;

  constructor(most: number = RECORDS_MAX) {
    this.#most = most;
  }

  /** Remembers a sealed batch; of too many the oldest is forgotten. */
  add(className: ClassName, sealed: Sealed, kept: readonly KeptItems[]): void {
    const { salt } = sealed;
    this.#records.set(salt, {
      class: className,
      salt,
      kept,
      stored: null,
      hash: hashOf(sealed.bytes),
    });
    if (this.#records.size > this.#most) {
      for (const oldest of this.#records.keys()) {
        this.#records.delete(oldest);
        break;
      }
    }
  }

  /** The record of these bytes. Throws WardError `WARD_NOT_SEALED` when they were not sealed here. */
  find(bytes: Uint8Array, salt: string | undefined): SealedRecord {
    const record = salt === undefined ? undefined : this.#records.get(salt);
    if (record === undefined || record.hash !== hashOf(bytes)) {
      throw new WardError(
        "WARD_NOT_SEALED",
        "Cannot store: these bytes were not sealed by this gateway, or were changed since. Wire ward-seal to ward-outbox directly.",
      );
    }
    return record;
  }
}

const RECORDS_MAX = 4096;

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Which items of which takes a batch holds, as they are added to it. */
export class KeptSoFar {
  readonly #kept = new Map<string, KeptItems & { indices: number }>();
  #of: TakeRef = { device: "", boot: "", take: 0 };
  #last: KeptItems & { indices: number } = { key: "", indices: 0 };

  add({ device, boot, take, index }: Item): void {
    const of = this.#of;
    // Items of one take usually follow each other.
    if (of.take !== take || of.device !== device || of.boot !== boot) {
      this.#of = { device, boot, take };
      const key = keyOf(this.#of);
      this.#last = this.#kept.get(key) ?? { key, indices: 0 };
      this.#kept.set(key, this.#last);
    }
    this.#last.indices = unionOf(this.#last.indices, oneIndex(index));
  }

  get items(): readonly KeptItems[] {
    return [...this.#kept.values()];
  }
}
