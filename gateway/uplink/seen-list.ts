import type { RecordSlot } from "../outbox/keys.ts";
import { addRange, hasSequence, type SequenceRange } from "../sealing/sequence-ranges.ts";
import { chainName } from "./send-list.ts";

/** Which records were forwarded at least once since the start, so that a record sent again is not counted again. */
export class SeenList {
  readonly #chains: Map<string, readonly SequenceRange[]> = new Map();

  /** True the first time. */
  add({ class: name, store, sequence }: RecordSlot): boolean {
    const key = chainName({ class: name, store });
    const seen = this.#chains.get(key) ?? [];
    if (hasSequence(seen, sequence)) {
      return false;
    }
    this.#chains.set(key, addRange(seen, [sequence, sequence]));
    return true;
  }
}
