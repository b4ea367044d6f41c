import type { Store } from "./commits.ts";
import type { Chain } from "./chain.ts";
import { fenceKey, recordKey, ageKey, goneKey, headKey, storeKey } from "./keys.ts";
import type { OutboxState } from "./state.ts";
import type { StoreWrite } from "./store.ts";

/**
 * Gives the space of deleted records back to the disk. LevelDB gets to it by itself only when much is written, so a drained
 * outbox would stay as large as it ever was. Compacting reads and writes, so it is done when little else is; or when there is
 * so much to be had that it cannot wait.
 */
export class Reclaimer {
  readonly #store: Store;
  readonly #state: OutboxState;
  /** Per chain: everything below was given back. */
  readonly #clean: Map<Chain, number> = new Map();
  readonly #muchBytes: number;
  #deletedBytes = 0;
  #lastBytes = 0;
  #calmTicks = 0;
  #isPressed = false;
  #busy: Promise<void> | null = null;

  /** `bytesMax`: what the outbox may hold; what is deleted and not given back stays a small part of it. */
  constructor(store: Store, state: OutboxState, bytesMax: number) {
    this.#store = store;
    this.#state = state;
    this.#muchBytes = Math.min(MUCH_BYTES, Math.max(PRESSED_BYTES, bytesMax / 8));
  }

  /** Notes that records were deleted. */
  deleted(bytes: number): void {
    this.#deletedBytes += bytes;
    if (this.#isPressed && this.#deletedBytes >= PRESSED_BYTES) {
      this.#start();
    }
  }

  /** Bytes of deleted records that the disk may not have back yet. */
  get pendingBytes(): number {
    return this.#deletedBytes;
  }

  /**
   * Call it about once a second. `movedBytes` is what was stored and deleted since the start; `isPressed`: the disk is short
   * of space.
   */
  tick(movedBytes: number, isPressed: boolean): void {
    const isCalm = movedBytes - this.#lastBytes < CALM_BYTES;
    this.#lastBytes = movedBytes;
    this.#calmTicks = isCalm ? this.#calmTicks + 1 : 0;
    this.#isPressed = isPressed;
    const enough = isPressed ? PRESSED_BYTES : this.#muchBytes;
    if (this.#calmTicks >= CALM_TICKS || this.#deletedBytes >= enough) {
      this.#start();
    }
  }

  /** Resolves when nothing is under way, and begins nothing new. */
  async idle(): Promise<void> {
    this.#isPressed = false;
    await this.#busy;
  }

  #start(): void {
    this.#busy ??= this.#work().finally(() => {
      this.#busy = null;
    });
  }

  /** One piece when there is time, all there is when there is none. */
  async #work(): Promise<void> {
    try {
      do {
        if (!(await this.#compactNext())) {
          this.#deletedBytes = 0;
          await this.#dropSpentStores();
          return;
        }
      } while (this.#isPressed);
    } catch {
      // Closed meanwhile, or the disk is in trouble: there will be another time.
    }
  }

  /** Compacts the largest piece; false when all there is together is not worth it. */
  async #compactNext(): Promise<boolean> {
    const dead = await Promise.all(this.#state.chains().map((chain) => this.#deadOf(chain)));
    const total = dead.reduce((sum, { size }) => sum + size, 0);
    const [largest] = dead.sort((a, b) => b.size - a.size);
    if (largest === undefined || total < WORTH_BYTES) {
      return false;
    }
    const { chain, from, size } = largest;
    const pieces = Math.max(1, Math.ceil(size / PIECE_BYTES));
    const end = Math.min(chain.low, from + Math.ceil((chain.low - from) / pieces));
    await this.#store.compact(
      recordKey({ ...chain.place, sequence: from }),
      recordKey({ ...chain.place, sequence: end }),
    );
    this.#clean.set(chain, end);
    return true;
  }

  /** What of a chain is deleted and was not given back yet, and roughly how much of the disk it takes. */
  async #deadOf(chain: Chain): Promise<{ chain: Chain; from: number; size: number }> {
    const from = this.#clean.get(chain) ?? 1;
    const size =
      from >= chain.low
        ? 0
        : await this.#store.size(
            recordKey({ ...chain.place, sequence: from }),
            recordKey({ ...chain.place, sequence: chain.low }),
          );
    return { chain, from, size };
  }

  /** Forgets old stores of which nothing is left: only now, because their fences keep walks short. */
  async #dropSpentStores(): Promise<void> {
    const spent = this.#state.spentStores();
    const writes = spent.flatMap(({ store, chains }): StoreWrite[] => [
      [storeKey(store), null],
      ...chains.flatMap(({ place }): StoreWrite[] =>
        [headKey(place), goneKey(place), ageKey(place), fenceKey(place)].map((key) => [key, null]),
      ),
    ]);
    if (writes.length > 0) {
      await this.#store.write(writes, "lazy");
      this.#state.dropStores(spent.map(({ store }) => store));
    }
  }
}

/** Bytes moved in a second up to which the disk counts as calm, and for how many seconds it has to be. */
const CALM_BYTES = 256 * 1024;
const CALM_TICKS = 5;
/** Deleted bytes that are given back at once, and the same when the disk is short of space. */
const MUCH_BYTES = 128 * 2 ** 20;
const PRESSED_BYTES = 4 * 2 ** 20;
/** Less than this is not worth a compaction. */
const WORTH_BYTES = 2 ** 20;
/** Bytes of one compaction, about: closing has to wait for it. */
const PIECE_BYTES = 32 * 2 ** 20;
