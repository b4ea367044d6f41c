import { SEND_ORDER, type ChainSlot } from "../outbox/keys.ts";
import type { ChainRange } from "../outbox/outbox.ts";
import { addRange, missingFrom, type SequenceRange } from "../sealing/sequence-ranges.ts";

/** Records that still have to be sent over this connection, as ranges: any backlog takes next to no memory. */
export class SendList {
  readonly #chains: Map<string, { readonly place: ChainSlot; ranges: SequenceRange[] }> = new Map();

  add({ range, ...place }: ChainRange): void {
    const chain = this.#chains.get(chainName(place)) ?? { place, ranges: [] };
    this.#chains.set(chainName(place), chain);
    chain.ranges = addRange(chain.ranges, range);
  }

  /** Takes a range out, wherever it stands. */
  remove({ range, ...place }: ChainRange): void {
    const chain = this.#chains.get(chainName(place));
    if (chain !== undefined) {
      chain.ranges = chain.ranges.flatMap((each) => missingFrom([range], each));
    }
  }

  /** Takes up to `countMax` numbers off the front: what people wait for first, oldest first. Null when nothing waits. */
  take(countMax: number): ChainRange | null {
    const chain = this.#first();
    const first = chain?.ranges[0];
    if (chain === undefined || first === undefined) {
      return null;
    }
    const end = Math.min(first[1], first[0] + countMax - 1);
    chain.ranges.shift();
    if (end < first[1]) {
      chain.ranges.unshift([end + 1, first[1]]);
    }
    return { class: chain.place.class, store: chain.place.store, range: [first[0], end] };
  }

  /** True when a notice waits. */
  get hasNotice(): boolean {
    return this.#first()?.place.class === "notice";
  }

  clear(): void {
    this.#chains.clear();
  }

  #first(): { readonly place: ChainSlot; ranges: SequenceRange[] } | undefined {
    return [...this.#chains.values()]
      .filter(({ ranges }) => ranges.length > 0)
      .sort((a, b) => rankOf(a.place) - rankOf(b.place) || a.place.store - b.place.store)[0];
  }
}

/** Place of a record's class in the order of sending: 0 is first. */
export function rankOf(place: Pick<ChainSlot, "class">): number {
  return SEND_ORDER.indexOf(place.class);
}

export function chainName(place: ChainSlot): string {
  return `${place.class}/${place.store}`;
}
