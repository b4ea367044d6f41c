import type { WardError } from "../errors.ts";

/** Requests that wait for an answer of the broker, and fail together when the connection ends. */
export class PendingAnswers {
  readonly #fails: Set<(error: WardError) => void> = new Set();

  /** Starts a request; settles with what it is answered, or as `failAll` says. */
  async wait<T>(start: (settle: (error: WardError | null, value: T) => void) => void): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#fails.add(reject);
    try {
      start((error, value) => {
        if (error === null) {
          resolve(value);
        } else {
          reject(error);
        }
      });
      return await promise;
    } finally {
      this.#fails.delete(reject);
    }
  }

  failAll(error: WardError): void {
    for (const fail of this.#fails) {
      fail(error);
    }
  }
}
