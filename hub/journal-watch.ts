import { randomBytes, type X509Certificate } from "node:crypto";

import { errorText, WardError } from "../gateway/errors.ts";
import { verifyBinding } from "../gateway/identity/identity.ts";
import { type Checkpoint, isSignedBy, readCheckpoint } from "../gateway/journal/checkpoint.ts";
import { isConsistent, isSame } from "../gateway/journal/merkle.ts";
import {
  type JournalMessage,
  readJournalMessage,
  writeJournalQuestion,
} from "../gateway/journal/message.ts";
import type { CheckpointStore, CheckpointVerdict, KeptCheckpoint } from "./checkpoint-store.ts";

export interface JournalWatchOptions {
  readonly store: CheckpointStore;
  /** Who vouches for gateways at the moment. */
  readonly trust: () => {
    readonly gatewaysRoot: X509Certificate;
    readonly gatewaysCrl: string | undefined;
  };
  /** Hub time, epoch milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly steady?: () => number;
  /** Publishes a question to a gateway. */
  readonly ask: (gateway: string, payload: Uint8Array) => void;
  /** Hears of what an operator should know: one plain sentence. */
  readonly onNotice: (code: string, text: string) => void;
}

/**
 * Keeps every checkpoint of every gateway's journal and compares it with the one before: what a gateway once published can
 * never be taken back unnoticed, not by who has its card and all its keys either.
 */
export class JournalWatch {
  readonly #options: JournalWatchOptions;
  readonly #steady: () => number;
  readonly #asked = new Map<string, Asked>();
  #waitingBytes = 0;
  /** Messages of each gateway that wait to be judged. */
  readonly #waiting = new Map<string, number>();
  #work: Promise<void> = Promise.resolve();

  constructor(options: JournalWatchOptions) {
    this.#options = options;
    this.#steady = options.steady ?? (() => performance.now());
  }

  /** Takes a message of a gateway's journal topic. What finds no room is left: the gateway's next one comes. */
  take(gateway: string, payload: Uint8Array): void {
    const before = this.#waiting.get(gateway) ?? 0;
    if (this.#waitingBytes + payload.length > WAITING_BYTES_MAX || before >= WAITING_MAX) {
      return;
    }
    this.#waitingBytes += payload.length;
    this.#waiting.set(gateway, before + 1);
    this.#work = this.#work.then(async () => {
      try {
        await this.#judge(gateway, payload);
      } catch (error) {
        const why = errorText(error);
        this.#options.onNotice(
          "WARD_HUB_JOURNAL",
          `Cannot take a checkpoint of the journal of ${gateway}: ${why}`,
        );
      }
      this.#waitingBytes -= payload.length;
      const left = (this.#waiting.get(gateway) ?? 1) - 1;
      if (left > 0) {
        this.#waiting.set(gateway, left);
      } else {
        this.#waiting.delete(gateway);
      }
    });
  }

  /** Resolves when everything taken so far is judged. */
  async settled(): Promise<void> {
    await this.#work;
  }

  async #judge(gateway: string, payload: Uint8Array): Promise<void> {
    const { store, now } = this.#options;
    const message = readJournalMessage(payload);
    const checkpoint = this.#authentic(gateway, message);
    const head = await store.head(gateway);
    if (head !== null && (await store.has({ ...checkpoint, line: head.line }))) {
      return;
    }
    const verdict = head === null ? "first" : this.#verdict(head, checkpoint, message);
    // Of what proves nothing one is kept for each question: who publishes much must not fill the store with it.
    if (head !== null && verdict === "unproven" && !this.#ask(head)) {
      return;
    }
    const isOther = verdict === "rewritten" || verdict === "unprovable";
    if (isOther) {
      this.#asked.delete(gateway);
    }
    const line = (head?.line ?? 0) + (isOther ? 1 : 0);
    await store.add({ ...checkpoint, line, verdict, seenAt: now(), note: message.note });
    if (head !== null && isOther) {
      this.#options.onNotice("WARD_HUB_JOURNAL_REWRITTEN", accusation(head, checkpoint, verdict));
    }
  }

  /** The checkpoint, if the gateway of the topic has signed it. Throws WardError. */
  #authentic(gateway: string, { note, binding }: JournalMessage): Checkpoint {
    const { trust, now } = this.#options;
    const { gatewaysRoot, gatewaysCrl } = trust();
    const bound = verifyBinding(binding, { gatewaysRoot, crlPem: gatewaysCrl, at: now() });
    const checkpoint = readCheckpoint(note);
    if (bound.gateway !== gateway || checkpoint.gateway !== gateway) {
      throw new WardError("WARD_HUB_JOURNAL", "it is another gateway's.");
    }
    if (!isSignedBy(note, bound.key)) {
      throw new WardError("WARD_HUB_JOURNAL", "its signature is wrong.");
    }
    return checkpoint;
  }

  #verdict(head: KeptCheckpoint, now: Checkpoint, message: JournalMessage): CheckpointVerdict {
    if (now.size === head.size) {
      return isSame(now.root, head.root) ? "consistent" : "rewritten";
    }
    const isFromHead = message.old === head.size && now.size > head.size;
    const { old, proof, answer } = message;
    if (isFromHead && isConsistent({ ...now, old, oldRoot: head.root, proof })) {
      this.#asked.delete(head.gateway);
      return "consistent";
    }
    const asked = this.#asked.get(head.gateway);
    if (answer === null || answer !== asked?.token) {
      // An old message that a broker has kept, or one that follows others that no hub has heard.
      return this.#isMute(asked) ? "unprovable" : "unproven";
    }
    return isFromHead || now.size < head.size ? "rewritten" : "unprovable";
  }

  /** A gateway that goes on publishing and never answers hides something. */
  #isMute(asked: Asked | undefined): boolean {
    return (
      asked !== undefined &&
      asked.count >= UNANSWERED_MAX &&
      this.#steady() - asked.since >= UNANSWERED_MS
    );
  }

  /** Returns false when it was asked just now. */
  #ask({ gateway, size }: KeptCheckpoint): boolean {
    const at = this.#steady();
    const before = this.#asked.get(gateway);
    if (before !== undefined && at - before.at < ASK_MS) {
      return false;
    }
    const token = randomBytes(8).toString("hex");
    const { since = at, count = 0 } = before ?? {};
    this.#asked.set(gateway, { token, at, since, count: count + 1 });
    this.#options.ask(gateway, writeJournalQuestion({ size, token }));
    return true;
  }
}

interface Asked {
  /** Of the last question, and when it was asked (steady milliseconds). */
  readonly token: string;
  readonly at: number;
  /** When the first one was asked that has had no answer, and how many since. */
  readonly since: number;
  readonly count: number;
}

/** Messages that may wait to be judged: when a hub starts it hears of all gateways at once. */
const WAITING_BYTES_MAX = 16 * 2 ** 20;
/** Of one gateway so many: one that floods must not have those of others left. */
const WAITING_MAX = 64;
/** A gateway is asked at most this often. */
const ASK_MS = 2000;
/** So many questions, over so long, without an answer that proves anything are an answer. */
const UNANSWERED_MAX = 10;
const UNANSWERED_MS = 120_000;

function accusation(
  head: KeptCheckpoint,
  now: Checkpoint,
  verdict: "rewritten" | "unprovable",
): string {
  const seen = `On ${new Date(head.seenAt).toISOString()} it had ${head.size} entries; now it has ${now.size}`;
  return verdict === "rewritten"
    ? `The journal of gateway ${now.gateway} was rewritten. ${seen}, and those before are not its beginning. Take the gateway out of service and run: wardgate journal verify`
    : `The journal of gateway ${now.gateway} cannot be compared with what was seen before. ${seen}, and the gateway cannot prove that those before are its beginning. Run there: wardgate journal verify`;
}
