import { setTimeout as sleep } from "node:timers/promises";

/** Lets only one act run at a time, in the order in which they were asked for. */
export class Turns {
  readonly #failed: (error: unknown) => void;
  #last: Promise<void> = Promise.resolve();

  /** `failed` hears of every act that throws; so does who asked for it. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  run(act: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(act);
    this.#last = turn.catch((error: unknown) => this.#failed(error));
    return turn;
  }

  /** Resolves when all that was asked for so far is done. */
  get done(): Promise<void> {
    return this.#last;
  }
}

/** Resolves when an act is done, or as soon as it need not be waited for any more. Rejects when the act does before that. */
export async function doneOr(act: Promise<void>, isEnough: () => boolean): Promise<void> {
  const done = act.then(() => true);
  done.catch(() => undefined);
  while (!isEnough() && !(await Promise.race([done, sleep(LOOK_MS, false)]))) {
    // Looks again.
  }
}

const LOOK_MS = 20;
