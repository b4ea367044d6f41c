import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { lockDataDirectory } from "../gateway/data-lock.ts";
import { errorText, WardError } from "../gateway/errors.ts";
import type { ClassName } from "../gateway/reading.ts";
import { fromHex, hashHex } from "../gateway/sealing/envelope.ts";
import { Book } from "./book.ts";
import {
  catchUpFile,
  catchUpLedger,
  type CatchUpParts,
  demandKeys,
  emptyLedger,
  FACTS,
} from "./catch-up.ts";
import type { HubIdentity } from "./hub-identity.ts";
import { Intake, type Outcome } from "./intake.ts";
import { Keyring } from "./keyring.ts";
import { DeviceNames } from "./names.ts";
import { NdjsonFile } from "./ndjson.ts";
import type { Message } from "./parking.ts";
import { RANGE_KINDS } from "./range-table.ts";
import type { AnsweredPlace } from "./receipts.ts";
import { SealedStore } from "./sealed.ts";
import { HubStore } from "./store.ts";

/** What a desk is opened with. */
export interface DeskOptions {
  readonly directory: string;
  readonly identity: HubIdentity;
  /** Hub time, epoch milliseconds. */
  readonly now: () => number;
  /** Hears of trouble that was survived: one plain sentence. */
  readonly onTrouble: (text: string) => void;
  /** Makes the ledger and `readings.ndjson` again from the first record. */
  readonly rebuild?: boolean;
}

/** Names of the files in a hub directory. */
export const STORE_FILE = "hub.sqlite";
export const READINGS_FILE = "readings.ndjson";
/** How long a file that fell behind is worked on at a time. */
const CATCH_UP_MS = 100;

/**
 * Everything of the hub that is on disk: messages in, durable commits out, and the views kept up with them. It knows
 * nothing of the broker.
 */
export class Desk {
  /** Records in the store that today's keys cannot open: they are not in the views. */
  readonly unreadable: number;
  readonly #options: DeskOptions;
  readonly #lock: { release(): void };
  readonly #parts: CatchUpParts;
  #intake: Intake;
  #judge: Keyring;
  readonly #file: NdjsonFile;
  #fileBehind = false;
  #records: number;

  private constructor(options: DeskOptions, lock: { release(): void }, store: HubStore) {
    const parts = openParts(options, store);
    const { sealed } = parts;
    if (options.rebuild === true) {
      demandKeys(parts);
      emptyLedger(parts);
    }
    this.#options = options;
    this.#lock = lock;
    this.#parts = parts;
    this.#judge = judgeWith(options, sealed, options.identity.gatewaysCrl);
    this.#intake = new Intake({ ...parts, keyring: this.#judge, now: options.now });
    this.unreadable = catchUpLedger(parts);
    this.#records = sealed.count;
    this.#file = NdjsonFile.open(join(options.directory, READINGS_FILE), {
      upto: sealed.fact(FACTS.fileUpto),
      offset: sealed.fact(FACTS.fileOffset),
    });
  }

  /**
   * Opens the directory's store and brings the views up to it.
   * @throws WardError `WARD_HUB_BUSY`, `WARD_HUB_STORE`, `WARD_HUB_NDJSON` or `WARD_HUB_NAMES`
   */
  static async open(options: DeskOptions): Promise<Desk> {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    const lock = await lockHub(options.directory);
    let store: HubStore | null = null;
    try {
      const path = join(options.directory, STORE_FILE);
      store = HubStore.open(path);
      chmodSync(path, 0o600);
      const desk = new Desk(options, lock, store);
      desk.#finishFile();
      return desk;
    } catch (error) {
      store?.close();
      lock.release();
      throw error;
    }
  }

  /**
   * Judges messages from the first on until `budgetMs` are over, and commits them in one transaction. The answer has one
   * outcome for each message that was taken, and all of it is on disk. Throws WardError `WARD_HUB_COMMIT` when the disk
   * does not take it: then nothing of it happened.
   */
  commit(messages: readonly Message[], budgetMs: number): Outcome[] {
    const { store, sealed } = this.#parts;
    const outcomes: Outcome[] = [];
    try {
      store.transaction(() => {
        const start = performance.now();
        for (const message of messages) {
          outcomes.push(this.#one(message));
          if (performance.now() - start > budgetMs) {
            break;
          }
        }
        const last = outcomes.findLast((outcome) => outcome.kind === "committed");
        if (last !== undefined) {
          sealed.setFact(FACTS.booked, last.id);
        }
      });
    } catch (error) {
      this.#forget();
      throw new WardError(
        "WARD_HUB_COMMIT",
        `Cannot commit: ${errorText(error)}. Check the disk.`,
        {
          cause: error,
        },
      );
    }
    this.#writeLines(outcomes);
    return outcomes;
  }

  /** From where on a receipt may name records up to this one (receipts.ts). */
  provenFrom(place: AnsweredPlace): number {
    const { sealed, book } = this.#parts;
    const chain = sealed.findChain(place);
    if (chain === null || sealed.isBroken(chain)) {
      return place.sequence;
    }
    const range = book.ranges.holding(RANGE_KINDS.committed, chain, place.sequence);
    return range === null ? place.sequence : range[0];
  }

  /** Call it about once a second: makes the file's progress durable and archives old takes. */
  tick(): void {
    const { store, sealed, book } = this.#parts;
    try {
      if (this.#fileBehind) {
        const until = performance.now() + CATCH_UP_MS;
        do {
          this.#fileBehind = !catchUpFile(this.#parts, this.#file);
        } while (this.#fileBehind && performance.now() < until);
      }
      const isAhead = this.#file.cursor.upto !== sealed.fact(FACTS.fileUpto);
      const { upto, offset } = isAhead ? this.#file.sync() : this.#file.cursor;
      store.transaction(() => {
        if (isAhead) {
          sealed.setFact(FACTS.fileUpto, upto);
          sealed.setFact(FACTS.fileOffset, offset);
        }
        book.archive.step(this.#options.now());
      });
    } catch (error) {
      this.#forget();
      this.#options.onTrouble(errorText(error));
    }
  }

  /** Judges by another revocation list from now on. */
  renew(gatewaysCrl: string | undefined): void {
    this.#judge = judgeWith(this.#options, this.#parts.sealed, gatewaysCrl);
    this.#intake = new Intake({
      ...this.#parts,
      keyring: this.#judge,
      now: this.#options.now,
    });
  }

  /** Items opened and duplicates dropped so far, per class. */
  opened(): { readonly class: ClassName; readonly items: number; readonly duplicates: number }[] {
    return this.#parts.book.openedByClass();
  }

  /** Records in the sealed store. */
  get records(): number {
    return this.#records;
  }

  close(): void {
    this.tick();
    this.#file.close();
    this.#parts.store.close();
    this.#lock.release();
  }

  #one(message: Message): Outcome {
    const { store, sealed } = this.#parts;
    try {
      return store.attempt(() => this.#intake.take(message));
    } catch (error) {
      this.#forget();
      if (HubStore.isDatabaseError(error) && !HubStore.isConstraint(error)) {
        throw error;
      }
      const { topic, payload: bytes } = message;
      const hash = fromHex(hashHex(bytes));
      sealed.quarantine({ topic, reason: "internal", hash, at: this.#options.now(), bytes });
      this.#options.onTrouble(`Cannot take a message on ${topic}: ${errorText(error)}`);
      return { kind: "refused", reason: "internal" };
    }
  }

  #writeLines(outcomes: readonly Outcome[]): void {
    const committed = outcomes.filter((outcome) => outcome.kind === "committed");
    const last = committed.at(-1);
    this.#records += committed.length;
    if (last === undefined || this.#fileBehind) {
      return;
    }
    try {
      this.#file.write(last.id, committed.map(({ lines }) => lines).join(""));
    } catch (error) {
      this.#fileBehind = true;
      this.#options.onTrouble(errorText(error));
    }
  }

  /** Brings the file up to the store; what lies behind that is no part of it. */
  #finishFile(): void {
    while (!catchUpFile(this.#parts, this.#file)) {
      // Step by step: a step is what fits into memory.
    }
    this.#file.cut();
    this.tick();
  }

  #forget(): void {
    this.#parts.sealed.forget();
    this.#parts.book.forget();
    this.#parts.keyring.forget();
    this.#judge.forget();
  }
}

function openParts(options: DeskOptions, store: HubStore): CatchUpParts {
  const book = new Book(store, new DeviceNames(options.identity.recipientKey));
  const sealed = new SealedStore(store, book.ranges);
  // What is committed was judged when it came: a revocation since then does not undo it.
  const keyring = new Keyring(keyringOptions(options, sealed));
  return { store, sealed, book, keyring };
}

function keyringOptions(
  { identity, now }: DeskOptions,
  sealed: SealedStore,
): ConstructorParameters<typeof Keyring>[0] {
  const { gatewaysRoot, recipientKey: key, kid } = identity;
  return { sealed, gatewaysRoot, recipient: { kid, key }, now };
}

function judgeWith(options: DeskOptions, sealed: SealedStore, crlPem: string | undefined): Keyring {
  return new Keyring({ ...keyringOptions(options, sealed), crlPem });
}

async function lockHub(directory: string): Promise<{ release(): void }> {
  try {
    return await lockDataDirectory(directory);
  } catch (error) {
    throw new WardError(
      "WARD_HUB_BUSY",
      `Cannot use the hub directory ${directory}: another hub is running on it, or it cannot be locked. Stop that one first.`,
      { cause: error },
    );
  }
}
