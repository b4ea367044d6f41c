import type { ServerResponse } from "node:http";

import type { BoardCopy } from "./board-copy.ts";
import type { BoardEvent, FactsEvent, WavesEvent } from "./contract.ts";
import { boardFor, factsFor, type Sight, wavesFor } from "./view.ts";

export interface ViewersOptions {
  readonly board: BoardCopy;
  /** What a session may see now; null when it has ended. */
  readonly sight: (session: string) => Sight | null;
  /** Whether anybody looks, and at the waveforms of which devices. */
  readonly watch: (on: boolean, waves: readonly string[]) => void;
}

interface Viewer {
  readonly session: string;
  readonly response: ServerResponse;
  /** The device whose waveforms are wanted, or "". */
  readonly waves: string;
  /** What it may see, as it was when it last got the whole board. */
  key: string;
}

/**
 * Whoever looks at a page: each gets what they may see, as server-sent events, and the whole board again whenever that changes. A viewer
 * that does not keep up is let go; the browser comes back by itself.
 */
export class Viewers {
  readonly #options: ViewersOptions;
  readonly #viewers = new Set<Viewer>();

  constructor(options: ViewersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#viewers.size;
  }

  /** Begins to send; false when there are too many viewers. */
  add(session: string, response: ServerResponse, waves: string): boolean {
    const own = [...this.#viewers].filter((viewer) => viewer.session === session);
    if (this.#viewers.size >= VIEWERS_MAX || own.length >= OWN_MAX) {
      return false;
    }
    const viewer: Viewer = { session, response, waves, key: "" };
    response.writeHead(200, { "Content-Type": "text/event-stream", "X-Accel-Buffering": "no" });
    response.on("close", () => {
      this.#viewers.delete(viewer);
      this.#watch();
    });
    this.#viewers.add(viewer);
    this.#watch();
    this.#each(
      "board",
      this.#options.board.whole(Date.now()),
      (sight, event) => boardFor(sight, event),
      viewer,
    );
    return true;
  }

  board(event: BoardEvent): void {
    this.#each("board", event, (sight, given) => boardFor(sight, given));
  }

  facts(event: FactsEvent): void {
    this.#each("facts", event, (sight, given) => factsFor(sight, given));
  }

  waves({ waves }: WavesEvent): void {
    for (const viewer of this.#viewers) {
      const wanted = waves.filter(({ device }) => device === viewer.waves);
      if (wanted.length > 0) {
        const event: WavesEvent = { waves: wanted };
        this.#each("waves", event, (sight, given) => wavesFor(sight, given), viewer);
      }
    }
  }

  /** Ends the streams of a session at once. */
  end(session: string): void {
    for (const viewer of this.#viewers) {
      if (viewer.session === session) {
        viewer.response.end("event: end\ndata: {}\n\n");
        this.#viewers.delete(viewer);
      }
    }
  }

  close(): void {
    this.#viewers.forEach(({ response }) => response.destroy());
  }

  /** Sends to all, or to one, what each may see of an event; who sees the same shares the making of it. */
  #each<Event>(
    name: string,
    event: Event,
    part: (sight: Sight, event: Event) => Event,
    only?: Viewer,
  ): void {
    const made = new Map<string, string>();
    for (const viewer of only === undefined ? [...this.#viewers] : [only]) {
      const sight = this.#options.sight(viewer.session);
      if (sight === null) {
        this.end(viewer.session);
        continue;
      }
      const key = keyOf(sight);
      if (viewer.key !== key) {
        viewer.key = key;
        write(viewer, textOf("board", boardFor(sight, this.#options.board.whole(Date.now()))));
      } else if (only === undefined || name !== "board") {
        const text = made.get(key) ?? textOf(name, part(sight, event));
        made.set(key, text);
        write(viewer, text);
      }
    }
  }

  #watch(): void {
    const waves = new Set([...this.#viewers].map((viewer) => viewer.waves));
    waves.delete("");
    this.#options.watch(this.#viewers.size > 0, [...waves]);
  }
}

/** A wall of screens, and one for each person at work. */
const VIEWERS_MAX = 64;
/** Tabs of one session. */
const OWN_MAX = 8;
const WAITING_BYTES_MAX = 2 * 2 ** 20;

function write({ response }: Viewer, text: string): void {
  if (response.writableLength > WAITING_BYTES_MAX) {
    response.destroy();
  } else {
    response.write(text);
  }
}

function textOf(name: string, event: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(event)}\n\n`;
}

function keyOf({ may, beds }: Sight): string {
  return `${[...may].join()} ${beds === null ? "all" : [...beds].join()}`;
}
