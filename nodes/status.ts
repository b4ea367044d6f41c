import type { RedStatus } from "./node-red.ts";

/** Time between two status updates of one node, at least: the editor's channel is shared by all nodes. */
export const STATUS_INTERVAL_MS = 1000;

/** Passes on a node's status at most once a second and only when it changed; of several in between the last one wins. */
export class StatusGate {
  readonly #show: (status: RedStatus) => void;
  #shown = "";
  #waiting: RedStatus | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(show: (status: RedStatus) => void) {
    this.#show = show;
  }

  set(status: RedStatus): void {
    if (this.#closed) {
      return;
    }
    this.#waiting = status;
    if (this.#timer === null) {
      this.#pass();
    }
  }

  /** Shows nothing any more: the node is gone from the editor's view or about to be made anew. */
  close(): void {
    this.#closed = true;
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
    }
  }

  #pass(): void {
    this.#timer = null;
    const status = this.#waiting;
    this.#waiting = null;
    if (status === null || JSON.stringify(status) === this.#shown) {
      return;
    }
    this.#shown = JSON.stringify(status);
    this.#show(status);
    this.#timer = setTimeout(() => this.#pass(), STATUS_INTERVAL_MS);
    this.#timer.unref();
  }
}
