import { WardError } from "../errors.ts";
import type { JournalEvent } from "../journal/event.ts";
import type { ListenerQuery, MainToRoom, RoomToMain } from "../rooms.ts";

/** What the listener asks main for, and waits for the answer of. */
export class MainTalk {
  readonly #send: (message: RoomToMain) => void;
  /** Events that main has not answered for yet, by their numbers. */
  readonly #unwritten = new Map<number, (problem: string | null) => void>();
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;

  constructor(send: (message: RoomToMain) => void) {
    this.#send = send;
  }

  /** Has main write something down. Rejects with WardError `WARD_JOURNAL_WRITE`. */
  journal(event: JournalEvent): Promise<void> {
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      const refuse = (why: string): void =>
        reject(new WardError("WARD_JOURNAL_WRITE", `Cannot write the journal: ${why}`));
      if (this.#unwritten.size >= UNWRITTEN_MAX) {
        refuse("too much waits to be written down.");
        return;
      }
      this.#unwritten.set(id, (problem) => (problem === null ? resolve() : refuse(problem)));
      this.#send({ t: "journal", id, event });
    });
  }

  /** Asks main; rejects with WardError `WARD_ROOM_SILENT` in main's words. */
  async query(what: ListenerQuery, argument: string): Promise<unknown> {
    if (this.#asked.size >= ASKED_MAX) {
      throw new WardError("WARD_BUSY", "Cannot answer now: too much is asked at once. Try again.");
    }
    this.#last += 1;
    const id = this.#last;
    const answer = Promise.withResolvers<unknown>();
    this.#asked.set(id, answer);
    this.#send({ t: "query", id, what, argument });
    return answer.promise;
  }

  /** Takes what main answers. */
  heard(message: Extract<MainToRoom, { t: "journaled" | "queried" }>): void {
    const { id, problem } = message;
    if (message.t === "journaled") {
      this.#unwritten.get(id)?.(problem);
      this.#unwritten.delete(id);
    } else if (problem === null) {
      this.#asked.get(id)?.resolve(message.value);
    } else {
      this.#asked.get(id)?.reject(new WardError("WARD_ROOM_SILENT", problem));
    }
    this.#asked.delete(id);
  }
}

const UNWRITTEN_MAX = 256;
const ASKED_MAX = 64;
