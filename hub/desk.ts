import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { lockDataDirectory } from "../gateway/data-lock.ts";
import { errorText, WardError } from "../gateway/errors.ts";
import type { RecordPlace } from "../gateway/sealing/envelope.ts";
import { fromHex, toHex } from "../gateway/sealing/envelope.ts";
import { Bookkeeper, type ClassTotals } from "./bookkeeper.ts";
import type { CheckpointStore } from "./checkpoint-store.ts";
import type { HubIdentity } from "./hub-identity.ts";
import { type Again, type Good, Intake, type Verdict } from "./intake.ts";
import { Keyring } from "./keyring.ts";
import { DeviceNames } from "./names.ts";
import type { Opened, OpenedRecord } from "./opened.ts";
import { storedKeyring } from "./open-books.ts";
import type { Message } from "./parking.ts";
import { type CommittedLink, placeKey, ProvenChains } from "./proven-chains.ts";
import { emptyViews } from "./rebuild.ts";
import type { AnsweredPlace } from "./receipts.ts";
import { SqliteStore } from "./sqlite-store.ts";
import type { CommitAnswer, HubStore, NewRecord } from "./store.ts";

/** What became of one message. Only what is committed or rejected is answered with a receipt. */
export type Outcome = Exclude<Verdict, Good> | Committed;

/** A record that is new and now in the sealed store. */
export interface Committed {
  readonly kind: "committed";
  readonly place: RecordPlace;
  readonly hash: string;
  readonly id: number;
  /** False when its hash does not fit its neighbours'. */
  readonly fits: boolean;
  readonly backlog: boolean;
  readonly opened: Opened;
}

/** What a desk is opened with. */
export interface DeskOptions {
  readonly directory: string;
  /** An open store to use instead of the directory's own; it is closed with the desk. */
  readonly store?: HubStore;
  readonly identity: HubIdentity;
  /** Whether to write `readings.ndjson` (default: yes). */
  readonly ndjson?: boolean;
  /** Makes the views again from the first record. */
  readonly rebuild?: boolean;
  /** Hub time, epoch milliseconds. */
  readonly now: () => number;
  /** Hears of trouble that was survived: one plain sentence. */
  readonly onTrouble: (text: string) => void;
  /** Hears what nothing accounts for: one plain sentence. */
  readonly onUnaccounted?: (text: string) => void;
}

/** Names of the files in a hub directory. */
export const STORE_FILE = "hub.sqlite";
export const READINGS_FILE = "readings.ndjson";

/**
 * Everything of the hub that is on disk: messages in, durable commits out, and the views kept up with them. It knows
 * nothing of the broker.
 */
export class Desk {
  readonly #options: DeskOptions;
  readonly #lock: { release(): void };
  readonly #store: HubStore;
  readonly #books: Bookkeeper;
  readonly #proven: ProvenChains;
  #intake: Intake;
  #records = 0;
  #booking: Promise<void> = Promise.resolve();

  private constructor(
    options: DeskOptions,
    parts: {
      readonly lock: { release(): void };
      readonly store: HubStore;
      readonly books: Bookkeeper;
    },
  ) {
    this.#options = options;
    this.#lock = parts.lock;
    this.#store = parts.store;
    this.#books = parts.books;
    this.#proven = new ProvenChains(parts.store);
    this.#intake = this.#intakeWith(options.identity.gatewaysCrl);
  }

  /**
   * Opens the directory, and its store unless one is given, and brings the views up to it (those of a shared store: in its own
   * time).
   * @throws WardError `WARD_HUB_BUSY`, `WARD_HUB_STORE`, `WARD_HUB_NDJSON` or `WARD_HUB_NAMES`
   */
  static async open(options: DeskOptions): Promise<Desk> {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    const lock = await lockHub(options.directory);
    let store: HubStore | null = options.store ?? null;
    try {
      store ??= openOwnStore(options.directory);
      // What is committed was judged when it came: a revocation since then does not undo it.
      const keyring = storedKeyring({ store, identity: options.identity, now: options.now });
      if (options.rebuild === true) {
        await emptyViews({ store, keyring });
      }
      const books = await Bookkeeper.open({
        store,
        names: new DeviceNames(options.identity.recipientKey),
        keyring,
        file: options.ndjson === false ? null : join(options.directory, READINGS_FILE),
        onTrouble: options.onTrouble,
        onUnaccounted: options.onUnaccounted ?? (() => undefined),
      });
      const desk = new Desk(options, { lock, store, books });
      if (!store.isShared) {
        await books.catchUp();
      }
      desk.#records = await store.lastId();
      return desk;
    } catch (error) {
      await store?.close();
      lock.release();
      throw error;
    }
  }

  /**
   * Judges the first few messages, as many as make up one commit, and commits what is good in one transaction. The answer has
   * one outcome for each message that was taken, and all of it is on disk. Throws WardError `WARD_HUB_COMMIT` when the
   * store does not take it: then send the same messages again.
   */
  async commit(messages: readonly Message[]): Promise<Outcome[]> {
    try {
      const verdicts = await this.#intake.judge(messages.slice(0, groupOf(messages)));
      const good = verdicts.filter((verdict) => verdict.kind === "good");
      const committedAt = this.#options.now();
      const answers = await this.#store.commit(good.map(newRecord), committedAt);
      const outcomes = await this.#outcomes(verdicts, good, answers);
      await this.#intake.keepEvidence();
      await this.#book(good, answers, committedAt);
      return outcomes;
    } catch (error) {
      throw new WardError("WARD_HUB_COMMIT", `Cannot commit: ${errorText(error)}`, {
        cause: error,
      });
    }
  }

  /** From where on a receipt may name records up to this one (receipts.ts). */
  provenFrom(place: AnsweredPlace): number {
    return this.#proven.provenFrom(place);
  }

  /** Which of these epochs are in the store by now, with the binding of a signing key. */
  async arrived(
    wanted: readonly { readonly gateway: string; readonly epoch: string }[],
  ): Promise<{ readonly gateway: string; readonly epoch: string }[]> {
    const here: { readonly gateway: string; readonly epoch: string }[] = [];
    for (const { gateway, epoch } of wanted) {
      if ((await this.#store.epoch(gateway, fromHex(epoch))) !== null) {
        here.push({ gateway, epoch });
      }
    }
    return here;
  }

  /** Call it about once a second: keeps the views up with other hubs, and saves them. */
  async tick(): Promise<void> {
    await this.#books.tick();
    try {
      this.#records = await this.#store.lastId();
    } catch (error) {
      this.#options.onTrouble(errorText(error));
    }
  }

  /** Judges by another revocation list from now on. */
  renew(gatewaysCrl: string | undefined): void {
    this.#intake = this.#intakeWith(gatewaysCrl);
  }

  /** Items opened and duplicates dropped so far, per class. */
  totals(): ReadonlyMap<string, ClassTotals> {
    return this.#books.totals();
  }

  /** Records in the sealed store, as far as this hub has seen. */
  get records(): number {
    return this.#records;
  }

  /** Records in the store that today's keys cannot open: they are not in the views. */
  get unreadable(): number {
    return this.#books.unreadable;
  }

  /** Checkpoints of the gateways' journals. */
  get checkpoints(): CheckpointStore {
    return this.#store.checkpoints;
  }

  /** True when other hubs may use the same store. */
  get isShared(): boolean {
    return this.#store.isShared;
  }

  async close(): Promise<void> {
    await this.#books.close();
    await this.#store.close();
    this.#lock.release();
  }

  #intakeWith(crlPem: string | undefined): Intake {
    const { identity, now, onTrouble } = this.#options;
    const { gatewaysRoot, recipientKey: key, kid } = identity;
    const store = this.#store;
    const keyring = new Keyring({ store, gatewaysRoot, recipient: { kid, key }, now, crlPem });
    return new Intake({ store, keyring, now, onTrouble });
  }

  /** Hands what is new to the books. */
  async #book(
    good: readonly Good[],
    answers: readonly CommitAnswer[],
    committedAt: number,
  ): Promise<void> {
    const fresh: OpenedRecord[] = [];
    for (const [number, answer] of answers.entries()) {
      const entry = good[number];
      if ("id" in answer && entry !== undefined) {
        const { record, backlog, opened } = entry;
        const { place, header, hash } = record;
        fresh.push({ id: answer.id, committedAt, backlog, place, header, hash, opened });
      }
    }
    const last = fresh.at(-1);
    await this.#booking;
    if (last !== undefined) {
      this.#records = Math.max(this.#records, last.id);
      // Receipts need not wait for it; the next commit does.
      this.#booking = this.#books.add(fresh);
    }
  }

  async #outcomes(
    verdicts: readonly Verdict[],
    good: readonly Good[],
    answers: readonly CommitAnswer[],
  ): Promise<Outcome[]> {
    const answered = new Map(good.map((entry, number) => [entry, answers[number]]));
    const settled = verdicts.map((verdict): Outcome => {
      return verdict.kind === "good" ? this.#settle(verdict, answered.get(verdict)) : verdict;
    });
    const links: (Committed | Again)[] = [];
    for (const outcome of settled) {
      if (outcome.kind === "committed" || outcome.kind === "again") {
        links.push(outcome);
      }
    }
    const unfit = await this.#proven.add(links.map(linkOf));
    return settled.map((outcome) =>
      outcome.kind === "committed" && unfit.has(placeKey(outcome.place))
        ? { ...outcome, fits: false }
        : outcome,
    );
  }

  #settle(verdict: Good, answer: CommitAnswer | undefined): Outcome {
    if (answer === undefined) {
      throw new TypeError("the store gave fewer answers than it was asked");
    }
    if ("held" in answer) {
      return this.#intake.judgeTaken(verdict, toHex(answer.held));
    }
    const { record, backlog, opened } = verdict;
    const { place, hash } = record;
    return { kind: "committed", place, hash, id: answer.id, fits: true, backlog, opened };
  }
}

/** Messages in one commit, and their bytes: about 25 ms of work on a small machine. */
const COMMIT_MESSAGES = 64;
const COMMIT_BYTES = 49_152;

/** How many of the messages make up one commit: at least one. */
function groupOf(messages: readonly Message[]): number {
  let count = 0;
  let bytes = 0;
  for (const { payload } of messages) {
    bytes += payload.length;
    if (count > 0 && (count >= COMMIT_MESSAGES || bytes > COMMIT_BYTES)) {
      break;
    }
    count += 1;
  }
  return count;
}

function newRecord({ record, backlog, message }: Good): NewRecord {
  const { gateway, store, class: name, sequence, previous } = record.place;
  return {
    gateway,
    store,
    class: name,
    sequence,
    hash: fromHex(record.hash),
    previous: previous === null ? null : fromHex(previous),
    backlog,
    bytes: message.payload,
  };
}

function linkOf({ place, hash }: Committed | Again): CommittedLink {
  return { ...place, hash };
}

function openOwnStore(directory: string): HubStore {
  const path = join(directory, STORE_FILE);
  const store = SqliteStore.open(path);
  chmodSync(path, 0o600);
  return store;
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
