import type { Ask } from "../device.ts";
import { CODES, hexText } from "./bytes.ts";
import { commandOf, enableOf } from "./messages.ts";
import type { RealtimeStream } from "./realtime-offer.ts";
import { chooseStreams, hexBytes } from "./realtime-offer.ts";
import type { SelectedStream } from "./wave-blocks.ts";

/**
 * Gets a device to send its curves: ask what it offers (53H), select (54H), enable, and enable again now and then, since a sync
 * command is not answered. It begins anew when the device says that its offer changed, or sends no records.
 *
 * A device sends no records between selection and enabling. If some come all the same, they are not ours: somebody else talks to the
 * device, and we only overhear it, or a recording is played. Then nobody knows which curves they are, and none is guessed.
 */
export class RealtimeSetup {
  readonly #isWanted: boolean;
  readonly #named: readonly number[] | null;
  #offered: readonly RealtimeStream[] = [];
  #state: "asking" | "selecting" | "quiet" | "running" = "asking";
  /** When the offer is to be asked for. */
  #askAt = 0;
  /** What the driver itself has selected. */
  #selected: readonly SelectedStream[] = [];
  /** What somebody else was seen to select, until the device accepts it. */
  #seen: readonly SelectedStream[] | null = null;
  #acceptedAt = 0;
  #enabledAt = 0;
  #recordAt = 0;
  /** The selection that from now on holds, until it is fetched. */
  #started: readonly SelectedStream[] | null = null;

  constructor(isWanted: boolean, named: readonly number[] | null) {
    this.#isWanted = isWanted;
    this.#named = named;
  }

  /** The conversation begins (anew): the device knows of no selection. */
  restart(at: number): void {
    this.#state = "asking";
    this.#askAt = at;
    this.#selected = [];
    this.#seen = null;
    this.#started = null;
  }

  /** Nothing came of it: not again before a while. */
  postpone(at: number): void {
    this.restart(at);
    this.#askAt = at + ASK_AGAIN_MS;
  }

  /** Whether the offer is to be asked for now. */
  isOfferDue(at: number): boolean {
    return this.#isWanted && this.#state === "asking" && at >= this.#askAt;
  }

  /** The device's answer to 53H. Gives what the options name, which needs no other proof; null when they name none. */
  offer(streams: readonly RealtimeStream[]): readonly SelectedStream[] | null {
    this.#offered = streams;
    const choice = this.#choice();
    if (this.#isWanted && this.#state === "asking" && choice.length > 0) {
      this.#state = "selecting";
    }
    return this.#named === null ? null : choice;
  }

  /** The command that selects curves, when it is its turn. */
  selection(): Ask | null {
    if (this.#state !== "selecting" || this.#selected.length > 0) {
      return null;
    }
    this.#selected = this.#choice();
    const argument = this.#selected.map(({ stream }) => `${hexText(stream.code)}01`).join("");
    const bytes = commandOf(CODES.realtimeSelect, argument);
    return { kind: "ask", verb: "select-waves", bytes };
  }

  /** A 54H that was seen in a recording of both directions. */
  see(argument: string): void {
    const codes = hexBytes(argument);
    const selected: SelectedStream[] = [];
    for (let place = 0; place + 1 < codes.length; place += 2) {
      const stream = this.#offered.find(({ code }) => code === codes[place]);
      const multiplier = codes[place + 1] ?? 0;
      if (stream !== undefined && multiplier > 0) {
        selected.push({ stream, multiplier });
      }
    }
    this.#seen = 2 * selected.length === codes.length ? selected : [];
  }

  /** The device accepted a selection. Gives what was seen to be selected, none when that is not known; null when nothing changes. */
  accepted(at: number): readonly SelectedStream[] | null {
    const seen = this.#seen;
    this.#seen = null;
    if (seen !== null) {
      return seen;
    }
    if (this.#state === "selecting" && this.#selected.length > 0) {
      this.#state = "quiet";
      this.#acceptedAt = at;
    }
    return this.#named !== null || this.#state === "running" ? null : [];
  }

  /** Its offer has changed (56H): stop the curves, then ask anew. */
  changed(at: number): Ask[] {
    const wasRunning = this.#state === "running";
    this.restart(at);
    return wasRunning ? [enabling(0)] : [];
  }

  /** A record with values came. */
  recordCame(at: number): void {
    this.#recordAt = at;
    if (this.#state === "quiet" && this.#named === null) {
      this.postpone(at);
    }
  }

  /** A sync command got lost on the way, or may have: say again which curves to send. */
  enableSoon(): void {
    this.#enabledAt = Number.NEGATIVE_INFINITY;
  }

  /** Enables what is selected, when it is time, and begins anew when nothing comes of it. */
  tick(at: number): Ask[] {
    if (this.#state === "quiet" && at - this.#acceptedAt >= QUIET_MS) {
      this.#state = "running";
      this.#started = this.#selected;
      this.#recordAt = at;
      this.enableSoon();
    }
    if (this.#state !== "running" || at - this.#enabledAt < ENABLE_AGAIN_MS) {
      return [];
    }
    if (at - this.#recordAt >= NO_RECORDS_MS) {
      this.restart(at);
      return [];
    }
    this.#enabledAt = at;
    return [enabling(2 ** this.#selected.length - 1)];
  }

  /** The selection that was enabled since the last time, if one was. */
  started(): readonly SelectedStream[] | null {
    const started = this.#started;
    this.#started = null;
    return started;
  }

  #choice(): readonly SelectedStream[] {
    const named = this.#named;
    const streams =
      named === null
        ? chooseStreams(this.#offered)
        : named.flatMap((code) => this.#offered.find((stream) => stream.code === code) ?? []);
    return streams.map((stream) => ({ stream, multiplier: 1 }));
  }
}

/** "It is recommended to repeat a Datastream enable/disable Sync-Command in an interval of some seconds": 90 28 258. */
const ENABLE_AGAIN_MS = 10_000;
const NO_RECORDS_MS = 15_000;
const ASK_AGAIN_MS = 30_000;
/** Between acceptance and enabling. */
const QUIET_MS = 300;

function enabling(streams: number): Ask {
  return { kind: "ask", verb: "enable-waves", bytes: enableOf(streams) };
}
