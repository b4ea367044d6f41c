import type { Ask } from "./device.ts";

/** Something that is asked of a device again and again. */
export interface Question {
  /** Name of the read verb that its bytes are. */
  readonly verb: string;
  readonly bytes: Uint8Array;
  /** How often it is asked (milliseconds). */
  readonly everyMs: number;
}

/**
 * Asks questions in turn, each as often as it wants and one at a time: the next one waits for the answer to the last, but no
 * longer than its deadline. What was not answered comes again when it is due, so a device may vanish and come back at any time.
 */
export class QuestionRound {
  readonly #questions: readonly Question[];
  readonly #deadlineMs: number;
  readonly #dueAt: number[];
  readonly #missed = new Map<string, number>();
  #asked: string | null = null;
  #deadlineAt = 0;

  constructor(questions: readonly Question[], deadlineMs: number) {
    this.#questions = questions;
    this.#deadlineMs = deadlineMs;
    this.#dueAt = questions.map(() => -Infinity);
  }

  /** The verb whose answer is waited for, or null. */
  get asked(): string | null {
    return this.#asked;
  }

  /** What to ask now; null while an answer is waited for and while nothing is due. `at` is monotonic milliseconds. */
  next(at: number): Ask | null {
    if (this.#asked !== null && at < this.#deadlineAt) {
      return null;
    }
    if (this.#asked !== null) {
      this.#missed.set(this.#asked, this.missed(this.#asked) + 1);
      this.#asked = null;
    }
    const earliest = Math.min(...this.#dueAt);
    const place = this.#dueAt.indexOf(earliest);
    const question = this.#questions[place];
    if (question === undefined || earliest > at) {
      return null;
    }
    this.#dueAt[place] = at + question.everyMs;
    this.#asked = question.verb;
    this.#deadlineAt = at + this.#deadlineMs;
    return { kind: "ask", verb: question.verb, bytes: question.bytes };
  }

  /** The answer to a question has come; one that comes after its deadline is as good. */
  answered(verb: string): void {
    this.#missed.delete(verb);
    if (this.#asked === verb) {
      this.#asked = null;
    }
  }

  /** How many times in a row a question was not answered in time. */
  missed(verb: string): number {
    return this.#missed.get(verb) ?? 0;
  }
}
