import { AwaitList } from "./await-list.ts";
import type { Lane } from "./in-flight.ts";
import { ReceiptWindow } from "./receipt-window.ts";
import type { RecordSlot } from "../outbox/keys.ts";
import type { ChainRange } from "../outbox/outbox.ts";

/** What the broker has and no receipt has named yet. All times are monotonic milliseconds. */
export class Unreceipted {
  readonly #waitMs: number;
  readonly #waitingIn: (range: ChainRange) => readonly ChainRange[];
  readonly #lists: Record<Lane, AwaitList> = { live: new AwaitList(), backlog: new AwaitList() };
  #window = new ReceiptWindow();
  #heardAt = -Infinity;

  /** A receipt is overdue after `waitMs`; `waitingIn` gives the part of a range that is still in the outbox. */
  constructor(waitMs: number, waitingIn: (range: ChainRange) => readonly ChainRange[]) {
    this.#waitMs = waitMs;
    this.#waitingIn = waitingIn;
  }

  add(lane: Lane, slot: RecordSlot, now: number): void {
    this.#lists[lane].add(slot, now);
  }

  /** Whether one more record of the backlog may go, with so many under way. */
  allows(underWay: number): boolean {
    return underWay + this.#lists.backlog.count < this.#window.records;
  }

  /** A receipt came. */
  heard(now: number): void {
    this.#heardAt = now;
  }

  /** What receipts named has left the outbox. */
  receipted(): void {
    this.#lists.live.prune(this.#waitingIn);
    this.#window.received(this.#lists.backlog.prune(this.#waitingIn));
  }

  /** Takes out what is overdue. */
  overdue(now: number): readonly ChainRange[] {
    const before = now - this.#waitMs;
    const old = [this.#lists.live, this.#lists.backlog]
      .flatMap((list) => list.takeOlder(before))
      .flatMap((range) => this.#waitingIn(range));
    if (old.length > 0) {
      this.#window.overdue(this.#heardAt < before);
    }
    return old;
  }

  clear(): void {
    this.#lists.live.clear();
    this.#lists.backlog.clear();
    this.#window = new ReceiptWindow();
  }
}
