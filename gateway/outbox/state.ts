import { Chain } from "./chain.ts";
import { EpochBook } from "./epochs.ts";
import { SEND_ORDER, type ChainSlot } from "./keys.ts";
import type { Loaded } from "./load.ts";
import type { RecordClass } from "../sealing/envelope.ts";

/** What the outbox knows of its own rows while it is open. It is always ahead of the disk, never behind. */
export class OutboxState {
  /** The store that new records go to. */
  readonly current: number;
  readonly epochs: EpochBook;
  readonly #ids: Map<number, string>;
  readonly #chains: Map<string, Chain> = new Map();

  constructor(loaded: Loaded) {
    this.current = loaded.current;
    this.epochs = new EpochBook(loaded.uses);
    this.#ids = new Map([...loaded.stores].map(([number, row]) => [number, row.id]));
    for (const chain of loaded.chains) {
      this.#chains.set(chainName(chain.place), chain);
    }
  }

  /** Bytes of all records that are not gone. */
  get bytes(): number {
    return [...this.#chains.values()].reduce((sum, chain) => sum + chain.bytes, 0);
  }

  /** Bytes of the records of one class that are not gone. */
  bytesOf(name: RecordClass): number {
    return this.chainsOf(name).reduce((sum, chain) => sum + chain.bytes, 0);
  }

  /** The chains of one class, oldest store first. */
  chainsOf(name: RecordClass): Chain[] {
    return this.chains().filter(({ place }) => place.class === name);
  }

  /** The chain of a place, begun when there is none yet. */
  chainAt(place: ChainSlot): Chain {
    const name = chainName(place);
    const chain = this.#chains.get(name) ?? new Chain({ class: place.class, store: place.store });
    this.#chains.set(name, chain);
    return chain;
  }

  findChain(place: ChainSlot): Chain | undefined {
    return this.#chains.get(chainName(place));
  }

  /** The chain that a receipt means by a store id. */
  chainOfStore(id: string, className: RecordClass): Chain | undefined {
    const store = [...this.#ids].find(([, known]) => known === id)?.[0];
    return store === undefined ? undefined : this.findChain({ class: className, store });
  }

  /** The first record of a chain that is not gone. */
  lowOf(place: ChainSlot): number {
    return this.findChain(place)?.low ?? Number.MAX_SAFE_INTEGER;
  }

  /** A store's id as hex. */
  idOf(store: number): string {
    return this.#ids.get(store) ?? UNKNOWN_STORE;
  }

  /** Old stores of which no record is left, with their chains. */
  spentStores(): { readonly store: number; readonly chains: readonly Chain[] }[] {
    return [...this.#ids.keys()]
      .filter((store) => store !== this.current)
      .map((store) => ({
        store,
        chains: [...this.#chains.values()].filter(({ place }) => place.store === store),
      }))
      .filter(({ chains }) => chains.every((chain) => chain.isEmpty));
  }

  /** Forgets stores of which no record is left. */
  dropStores(stores: readonly number[]): void {
    for (const store of stores) {
      this.#ids.delete(store);
    }
    for (const [name, { place }] of this.#chains) {
      if (stores.includes(place.store)) {
        this.#chains.delete(name);
      }
    }
  }

  /** All chains, in the order in which their records are sent. */
  chains(): Chain[] {
    return [...this.#chains.values()].sort(
      (a, b) =>
        SEND_ORDER.indexOf(a.place.class) - SEND_ORDER.indexOf(b.place.class) ||
        a.place.store - b.place.store,
    );
  }
}

/** Stands for a store whose row was lost: nothing can be checked against it. */
const UNKNOWN_STORE = "0000000000000000";

function chainName(place: ChainSlot): string {
  return `${place.class}/${place.store}`;
}
