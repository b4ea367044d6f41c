import { errorCode, errorText } from "../gateway/errors.ts";
import type { Early } from "./intake.ts";
import { type Message, Parking } from "./parking.ts";

/** Names an epoch. */
interface EpochName {
  readonly gateway: string;
  readonly epoch: string;
}

/** What waiting for epochs needs. */
export interface EarlyRecordsOptions {
  /** Asks the gateway for an epoch again. */
  readonly ask: (name: EpochName) => void;
  /** Takes a message that waited: its epoch is here. */
  readonly receive: (message: Message) => void;
  /** Which of these epochs are in the store by now. */
  readonly arrived: (wanted: readonly EpochName[]) => Promise<readonly EpochName[]>;
  readonly onNotice: (code: string, text: string) => void;
}

/** Records that came before the epoch they are sealed under. They wait, and the gateway is asked for it. */
export class EarlyRecords {
  readonly #options: EarlyRecordsOptions;
  readonly #parking = new Parking({ messagesMax: PARKED_MAX, bytesMax: PARKED_BYTES_MAX });
  /** When each epoch was last asked for. */
  readonly #asked = new Map<string, number>();

  constructor(options: EarlyRecordsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#parking.count;
  }

  /** Lets a record wait; false when there is no room for it. */
  add({ gateway, epoch, message }: Early): boolean {
    const isParked = this.#parking.add(gateway, epoch, message);
    const key = keyOf({ gateway, epoch });
    const now = performance.now();
    if (now - (this.#asked.get(key) ?? Number.NEGATIVE_INFINITY) >= ASK_AGAIN_MS) {
      if (this.#asked.size >= PARKED_MAX) {
        this.#asked.clear();
      }
      this.#asked.set(key, now);
      this.#options.ask({ gateway, epoch });
    }
    return isParked;
  }

  /** An epoch is here: what waited for it goes on. */
  release(name: EpochName): void {
    this.#asked.delete(keyOf(name));
    for (const message of this.#parking.take(name.gateway, name.epoch)) {
      this.#options.receive(message);
    }
  }

  /** Looks whether another hub has taken in what is waited for. */
  look(): void {
    const waiting = this.#parking.due(performance.now());
    if (waiting.length > 0) {
      this.#options.arrived(waiting).then(
        (here) => here.forEach((name) => this.release(name)),
        (error: unknown) => this.#options.onNotice(errorCode(error), errorText(error)),
      );
    }
  }
}

const PARKED_MAX = 2000;
const PARKED_BYTES_MAX = 32 * 2 ** 20;
const ASK_AGAIN_MS = 2000;

function keyOf({ gateway, epoch }: EpochName): string {
  return `${gateway}/${epoch}`;
}
