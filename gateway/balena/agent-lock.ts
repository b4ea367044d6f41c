import { connect, type Socket } from "node:net";

/** Asks the agent of this box to hold off updates. The wish is kept: an agent that is away is asked again with the next `want`. */
export class AgentLock {
  readonly #path: string;
  #socket: Socket | null = null;
  #isHeld = false;

  /** `path`: the agent's socket; "" where there is none, and then nothing is held. */
  constructor(path: string) {
    this.#path = path;
  }

  /** True when the agent has confirmed it. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Holds off updates, or no longer; say it again every few seconds. */
  want(isWanted: boolean): void {
    if (!isWanted || this.#path === "") {
      this.close();
    } else if (this.#socket === null) {
      this.#connect();
    }
  }

  close(): void {
    this.#isHeld = false;
    this.#socket?.destroy();
    this.#socket = null;
  }

  #connect(): void {
    const socket = connect(this.#path);
    this.#socket = socket;
    let answer = "";
    socket.unref();
    socket.setEncoding("utf8");
    socket.on("connect", () => socket.write("lock\n"));
    socket.on("data", (text) => {
      answer = `${answer}${String(text)}`.slice(-ANSWER_MAX);
      if (answer.includes("\n") && !this.#isHeld) {
        this.#isHeld = answer.startsWith('{"done":"lock"}');
        // Somebody else holds it, or an update has begun: the next wish asks again.
        if (!this.#isHeld) {
          socket.destroy();
        }
      }
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      if (this.#socket === socket) {
        this.close();
      }
    });
  }
}

const ANSWER_MAX = 4096;
