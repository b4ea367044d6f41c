/**
 * How many records of the backlog may lie between broker and hub: taken by the broker and not receipted. A broker keeps
 * only so much for a slow or absent hub and drops the rest without a word, so the backlog goes no faster than receipts
 * come back. Grows with every receipt, is halved when receipts are overdue, and falls to one record, the question
 * whether anybody is there, when none comes at all.
 *
 * Always true: `1 <= records <= RECORDS_MAX`.
 */
export class ReceiptWindow {
  #records = START_RECORDS;
  /** From here on it grows slowly: at twice this, receipts were overdue. */
  #careful = RECORDS_MAX;

  get records(): number {
    return Math.floor(this.#records);
  }

  /** So many records of the backlog were named by receipts. */
  received(count: number): void {
    const quick = Math.max(0, Math.min(count, this.#careful - this.#records));
    this.#records += quick;
    this.#records = Math.min(RECORDS_MAX, this.#records + (count - quick) / this.#records);
  }

  /** Receipts are overdue. `isSilent`: not a single one came in the meantime, so there is no hub. */
  overdue(isSilent: boolean): void {
    if (isSilent) {
      this.#records = 1;
    } else {
      this.#records = Math.max(1, this.#records / 2);
      this.#careful = Math.max(START_RECORDS, this.#records);
    }
  }
}

const START_RECORDS = 64;
/** What a broker keeps for one subscriber when nobody configured it otherwise (mosquitto: max_queued_messages). */
export const RECORDS_MAX = 1000;
