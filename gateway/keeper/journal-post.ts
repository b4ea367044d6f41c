import type { KeyObject } from "node:crypto";

import { signCheckpoint, sizeIn } from "../journal/checkpoint.ts";
import type { Journal } from "../journal/journal.ts";
import { readJournalQuestion, writeJournalMessage } from "../journal/message.ts";

export interface JournalPostOptions {
  readonly gateway: string;
  readonly journal: () => Journal | null;
  readonly identity: { readonly signingKey: KeyObject; readonly binding: Uint8Array };
  /** Resolves when the broker has it; rejects when there is no connection. */
  readonly publish: (topic: string, payload: Uint8Array, retain: boolean) => Promise<number>;
  /** At most one checkpoint is signed in this time (milliseconds), but for those at the start and the end. */
  readonly everyMs: number;
  readonly trouble: (error: unknown) => void;
}

/**
 * Signs checkpoints of the journal and publishes them, each with the proof that what the broker had before is its beginning.
 * Without a connection they are signed and kept all the same.
 */
export class JournalPost {
  readonly #options: JournalPostOptions;
  #timer: NodeJS.Timeout | null = null;
  /** The size that the broker has last acknowledged; null before the first. */
  #published: number | null = null;
  #posting: Promise<void> = Promise.resolve();
  #answeredAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: JournalPostOptions) {
    this.#options = options;
  }

  /** The journal has grown: a checkpoint follows in due time. */
  changed(): void {
    if (this.#timer === null && !this.#isClosed) {
      this.#timer = setTimeout(() => {
        this.#timer = null;
        this.#post(null);
      }, this.#options.everyMs);
    }
  }

  /** A connection is there: the broker gets today's checkpoint, whatever it had. */
  up(): void {
    this.#post(null);
  }

  /** Answers a hub's question, at most one in a second: it asks again. */
  asked(payload: Uint8Array): void {
    const now = performance.now();
    if (now - this.#answeredAt < ANSWER_MS) {
      return;
    }
    this.#answeredAt = now;
    try {
      this.#post(readJournalQuestion(payload));
    } catch (error) {
      this.#options.trouble(error);
    }
  }

  /** Publishes the last checkpoint if something is new. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer ?? undefined);
    this.#post(null);
    await this.#posting;
  }

  #post(question: { readonly size: number; readonly token: string } | null): void {
    this.#posting = this.#posting.then(async () => {
      try {
        await this.#postNow(question);
      } catch (error) {
        this.#options.trouble(error);
      }
    });
  }

  async #postNow(
    question: { readonly size: number; readonly token: string } | null,
  ): Promise<void> {
    const { gateway, journal, identity, publish } = this.#options;
    const open = journal();
    const tree = open?.tree;
    if (open === null || tree === undefined || tree.size === 0) {
      return;
    }
    const kept = sizeIn(open.checkpoint ?? "");
    const { size, root } = tree;
    const note = signCheckpoint({ gateway, size, root }, identity.signingKey);
    if (note !== open.checkpoint) {
      open.keepCheckpoint(note);
    }
    const before = question?.size ?? this.#published ?? kept;
    const proof = before <= size ? await tree.consistency(before) : null;
    const payload = writeJournalMessage({
      note,
      old: proof === null ? 0 : before,
      proof: proof ?? [],
      binding: identity.binding,
      answer: question?.token ?? null,
    });
    // No connection: the next one begins with a checkpoint.
    const isTaken = await publish(`ward/v1/${gateway}/journal`, payload, question === null).then(
      () => true,
      () => false,
    );
    if (isTaken && question === null) {
      this.#published = size;
    }
  }
}

const ANSWER_MS = 1000;
