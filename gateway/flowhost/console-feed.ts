import type { Socket } from "node:net";

import { RoomLink } from "../room-link.ts";
import { type FlowhostToListener, type ListenerToFlowhost, ROOMS_VERSION } from "../rooms.ts";
import type { Board } from "./board.ts";
import { boardEvents, boardWave, type BoardNews } from "./board-events.ts";
import { MINUTE_MS } from "./board-trends.ts";
import { parseListenerToFlowhost } from "./listener-messages.ts";

export interface ConsoleFeedOptions {
  readonly board: Board;
  /** Epoch milliseconds; default the clock of this machine. */
  readonly now?: () => number;
  /** Between two looks at what has changed (milliseconds, default 500). */
  readonly tickMs?: number;
}

type Link = RoomLink<ListenerToFlowhost, FlowhostToListener>;

/**
 * Tells the listener what the board shows, as long as somebody looks: everything at first, then twice a second what has
 * changed, and each minute the trends that have. The listener is what a browser reaches: nothing that it says, or fails to read, stops
 * the flow host.
 */
export class ConsoleFeed {
  readonly #board: Board;
  readonly #now: () => number;
  readonly #tickMs: number;
  #link: Link | null = null;
  /** Runs while somebody looks. */
  #timer: NodeJS.Timeout | null = null;
  #wantsAll = false;
  /** True while messages of one look are on their way. */
  #telling = false;
  /** The minute in which trends were told last. */
  #trendsMinute = 0;
  /** What had gone off the board when all was told last. */
  #gone = 0;
  /** Epoch milliseconds of the last message. */
  #toldAt = 0;

  constructor({ board, now = Date.now, tickMs = TICK_MS }: ConsoleFeedOptions) {
    this.#board = board;
    this.#now = now;
    this.#tickMs = tickMs;
  }

  /** Takes a new socket to the listener; the one before it is closed. */
  link(socket: Socket): void {
    this.close();
    const link: Link = new RoomLink(socket, {
      parse: parseListenerToFlowhost,
      onMessage: (message) => {
        if (message.t === "watch" && link === this.#link) {
          this.#watch(message.on, message.waves);
        }
      },
      onClose: () => {
        if (link === this.#link) {
          this.#watch(false, []);
        }
      },
      jsonBytesMax: HEARD_BYTES_MAX,
    });
    this.#link = link;
    link.send({ t: "hello", version: ROOMS_VERSION });
  }

  /** Ends the link. */
  close(): void {
    this.#watch(false, []);
    const link = this.#link;
    this.#link = null;
    link?.close();
  }

  #watch(on: boolean, waves: readonly string[]): void {
    this.#board.waves.watch(on ? waves : [], () => setImmediate(() => this.#tellWaves()));
    if (!on) {
      clearInterval(this.#timer ?? undefined);
      this.#timer = null;
    } else if (this.#timer === null) {
      this.#wantsAll = true;
      this.#timer = setInterval(() => this.#tick(), this.#tickMs);
      this.#tick();
    }
  }

  #tick(): void {
    const link = this.#link;
    this.#board.waves.refill();
    // A listener that does not read is told later; the board keeps what has changed meanwhile.
    if (link === null || link.full || this.#telling) {
      return;
    }
    const news = this.#news();
    if (news !== null) {
      this.#telling = true;
      void this.#tell(link, news).finally(() => {
        this.#telling = false;
      });
    }
  }

  /** What is to be told now; null when it can wait. */
  #news(): BoardNews | null {
    const board = this.#board;
    const minute = Math.floor(this.#now() / MINUTE_MS);
    const isNewMinute = minute !== this.#trendsMinute;
    const values = board.takeChanges();
    // Who looks keeps what is not on the board any more, until all is told again.
    if (this.#wantsAll || (isNewMinute && board.gone !== this.#gone)) {
      this.#wantsAll = false;
      this.#gone = board.gone;
      this.#trendsMinute = minute;
      return { full: true, values: board.series(), trends: board.trendsSince(0) };
    }
    const trends = isNewMinute ? board.trendsSince(Math.min(this.#trendsMinute, minute)) : [];
    this.#trendsMinute = minute;
    const isDue = Math.abs(this.#now() - this.#toldAt) >= QUIET_MS_MAX;
    return values.length > 0 || trends.length > 0 || isDue ? { full: false, values, trends } : null;
  }

  /** Tells it in pieces between which the flow goes on, and no faster than the listener reads. */
  async #tell(link: Link, news: BoardNews): Promise<void> {
    for (const event of boardEvents(this.#board, news, this.#now)) {
      this.#toldAt = event.at;
      if (!link.send({ t: "board", event })) {
        await link.drained();
      }
      if (link.closed) {
        return;
      }
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  #tellWaves(): void {
    const waves = this.#board.waves.take();
    const link = this.#link;
    if (link !== null && !link.full && waves.length > 0) {
      link.send({ t: "waves", event: { waves: waves.map((wave) => boardWave(wave)) } });
    }
  }
}

const TICK_MS = 500;
/** Who looks hears at least so often, and knows from it that values do not stand still. */
const QUIET_MS_MAX = 5000;
/** What the listener says is short. */
const HEARD_BYTES_MAX = 16 * 1024;
