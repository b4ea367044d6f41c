import { rangeOf } from "./backlog-lane.ts";
import { SendList } from "./send-list.ts";
import type { RecordSlot } from "../outbox/keys.ts";
import type { ChainRange } from "../outbox/outbox.ts";

/** Takes the broker's acknowledgements for receipts: gathers them while the outbox is busy with those before. */
export class BrokerReceipts {
  readonly #forget: (ranges: readonly ChainRange[]) => Promise<void>;
  readonly #failed: (error: unknown) => void;
  readonly #list: SendList = new SendList();
  #isBusy = false;

  /** What `forget` fails for stays in the outbox, and is sent again over the next connection. */
  constructor(
    forget: (ranges: readonly ChainRange[]) => Promise<void>,
    failed: (error: unknown) => void,
  ) {
    this.#forget = forget;
    this.#failed = failed;
  }

  add(slot: RecordSlot): void {
    this.#list.add(rangeOf(slot));
    if (!this.#isBusy) {
      void this.#work();
    }
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    for (let ranges = this.#gathered(); ranges.length > 0; ranges = this.#gathered()) {
      await this.#forget(ranges).catch(this.#failed);
    }
    this.#isBusy = false;
  }

  #gathered(): ChainRange[] {
    const ranges: ChainRange[] = [];
    for (let next = this.#list.take(Infinity); next !== null; next = this.#list.take(Infinity)) {
      ranges.push(next);
    }
    return ranges;
  }
}
