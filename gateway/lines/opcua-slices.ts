import { errorText } from "../errors.ts";

/**
 * Asks about many nodes in requests that the server can take. `most` is what it is known to take; when it says that a request
 * was too large all the same, the request is halved, down to one node, and all further ones are as small.
 */
export class Slices {
  #most: number;

  constructor(most: number) {
    this.#most = Math.max(1, Math.floor(most));
  }

  /** Nodes in one request at present. */
  get most(): number {
    return this.#most;
  }

  /** The answers to all items, in their order. `ask` must answer each item it is given. */
  async ask<Item, Answer>(
    items: readonly Item[],
    ask: (slice: readonly Item[]) => Promise<readonly Answer[]>,
  ): Promise<Answer[]> {
    const answers: Answer[] = [];
    while (answers.length < items.length) {
      const slice = items.slice(answers.length, answers.length + this.#most);
      try {
        const some = await ask(slice);
        if (some.length !== slice.length) {
          throw new Error("the server answers another number of nodes than it was asked for");
        }
        answers.push(...some);
      } catch (error) {
        if (slice.length === 1 || !TOO_LARGE.test(errorText(error))) {
          throw error;
        }
        this.#most = Math.ceil(slice.length / 2);
      }
    }
    return answers;
  }
}

const TOO_LARGE =
  /BadTooManyOperations|BadRequestTooLarge|BadResponseTooLarge|BadEncodingLimitsExceeded|BadTcpMessageTooLarge/;
