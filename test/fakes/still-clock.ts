import { mock } from "node:test";

interface Waiting {
  readonly at: number;
  readonly run: () => void;
}

/**
 * A clock that stands still until the test moves it: `setTimeout`, `setImmediate` and `performance.now()` of this process, so that spans come
 * out the same however busy the machine is. For code that waits for nothing but these; what it does when a timer is over must not
 * await anything. (Node.js' own mock of timers never comes back from a `setImmediate` inside of a `setTimeout`.)
 */
export class StillClock implements Disposable {
  #now = 1_000_000;
  readonly #waiting = new Set<Waiting>();

  constructor() {
    mock.method(performance, "now", () => this.#now);
    const wait = (run: () => void, ms = 0): Waiting => {
      const waiting = { at: this.#now + ms, run };
      this.#waiting.add(waiting);
      return waiting;
    };
    for (const name of ["setTimeout", "setImmediate"] as const) {
      mock.method(globalThis, name, wait as never);
    }
    mock.method(globalThis, "clearTimeout", ((waiting: Waiting) => {
      this.#waiting.delete(waiting);
    }) as never);
  }

  /** So many milliseconds pass, one after the other. */
  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 1) {
      this.#now += 1;
      for (const waiting of this.#waiting) {
        if (waiting.at <= this.#now) {
          this.#waiting.delete(waiting);
          waiting.run();
        }
      }
    }
  }

  [Symbol.dispose](): void {
    mock.restoreAll();
  }
}
