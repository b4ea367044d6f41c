import { WardError } from "../errors.ts";
import { FRAME_BLOB_BYTES_MAX } from "../room-frames.ts";
import type { FlowhostToKeeper, LoadedDocument, StoredDocument } from "../rooms.ts";

type Question = Extract<FlowhostToKeeper, { t: "load" | "save" }>;
type Send = (question: Question, blobs: readonly Uint8Array[]) => void;

/**
 * Asks the keeper for what Node-RED keeps between runs, and gives it what is to be kept. A question that got no answer
 * before the keeper was replaced is asked again; loading and saving twice does no harm.
 */
export class Documents {
  readonly #nextId: () => number;
  readonly #waitMs: number;
  readonly #asked = new Map<number, Asked>();
  #send: Send | null = null;

  constructor({ nextId, waitMs = WAIT_MS }: { nextId: () => number; waitMs?: number }) {
    this.#nextId = nextId;
    this.#waitMs = waitMs;
  }

  /** A keeper is there. */
  attach(send: Send): void {
    this.#send = send;
    for (const { question, blobs } of this.#asked.values()) {
      send(question, blobs);
    }
  }

  /** The keeper is gone. */
  detach(): void {
    this.#send = null;
  }

  /** The text of a document, or null when there is none yet. Rejects with the keeper's error or `WARD_KEEPER_SILENT`. */
  load(what: LoadedDocument): Promise<string | null> {
    return this.#ask({ t: "load", id: this.#nextId(), what }, []);
  }

  /** Resolves when the text is on disk. Rejects like `load`, or with `WARD_DOCUMENT_LARGE`. */
  async save(what: StoredDocument, text: string): Promise<void> {
    const bytes = Buffer.from(text, "utf8");
    if (bytes.length > FRAME_BLOB_BYTES_MAX) {
      throw new WardError(
        "WARD_DOCUMENT_LARGE",
        `Cannot save ${what}: ${bytes.length} bytes, more than ${FRAME_BLOB_BYTES_MAX}. Make the flow smaller.`,
      );
    }
    await this.#ask({ t: "save", id: this.#nextId(), what }, [bytes]);
  }

  /** The keeper's answer and its document; false when it answers nothing that was asked here. */
  answered(id: number, document: Uint8Array | null): boolean {
    const asked = this.#take(id);
    asked?.resolve(document === null ? null : Buffer.from(document).toString("utf8"));
    return asked !== undefined;
  }

  /** The keeper could not; false when nothing like that was asked here. */
  failed(id: number, code: string, message: string): boolean {
    const asked = this.#take(id);
    asked?.reject(new WardError(code, message));
    return asked !== undefined;
  }

  #ask(question: Question, blobs: readonly Uint8Array[]): Promise<string | null> {
    const { promise, resolve, reject } = Promise.withResolvers<string | null>();
    const timer = setTimeout(() => {
      this.failed(
        question.id,
        "WARD_KEEPER_SILENT",
        `Cannot ${question.t} ${question.what}: the keeper does not answer. Try again when it is back.`,
      );
    }, this.#waitMs);
    this.#asked.set(question.id, { question, blobs, resolve, reject, timer });
    this.#send?.(question, blobs);
    return promise;
  }

  #take(id: number): Asked | undefined {
    const asked = this.#asked.get(id);
    clearTimeout(asked?.timer);
    this.#asked.delete(id);
    return asked;
  }
}

interface Asked {
  readonly question: Question;
  readonly blobs: readonly Uint8Array[];
  readonly resolve: (text: string | null) => void;
  readonly reject: (error: WardError) => void;
  readonly timer: NodeJS.Timeout;
}

const WAIT_MS = 20_000;
