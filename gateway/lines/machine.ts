import type { LineState } from "../devices/device.ts";

/** Where a line takes the time from. `monotonic` never jumps and only measures spans. */
export interface LineClock {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds from an arbitrary start. */
  monotonic(): number;
}

export const SYSTEM_CLOCK: LineClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** What a machine needs to know of its device. */
export interface MachineOptions {
  /** Without a good frame for this long the device counts as silent (milliseconds). */
  readonly quietMs: number;
  readonly clock?: LineClock;
  /** Told of every change; `text` is plain words for the engineer. */
  readonly report: (state: LineState, text: string, at: number) => void;
  /** What to check when nothing arrives at all. @default "check cable and device menu" */
  readonly silentHint?: string;
  /** What to check when something arrives but makes no sense. @default "check baud rate, format and device menu" */
  readonly garbledHint?: string;
}

/**
 * The state of one device on one line: closed -> connecting -> negotiating -> online; online -> stale when no good frame
 * comes; any -> backoff on failure. It opens nothing and starts no timer: the line tells it what happened and asks
 * `checkQuiet()` from its own timer. A silent device stays "stale" through reconnects until a good frame comes, so that
 * "since" names the moment it fell silent and not the last attempt.
 */
export class LineMachine {
  readonly #options: MachineOptions;
  readonly #clock: LineClock;
  #state: LineState = "closed";
  /** Wall-clock and monotonic time of the last good frame, or of the first opening. */
  #goodAt: number | null = null;
  #goodMono = 0;
  #bytesSinceGood = false;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
  }

  get state(): LineState {
    return this.#state;
  }

  /** An attempt starts. `where` names the line, for example its key. */
  connecting(where: string): void {
    if (this.#state !== "stale" && this.#state !== "backoff") {
      this.#change("connecting", `opening ${where}`);
    }
  }

  /** The line is open; now a good frame has `quietMs` to come. */
  opened(): void {
    this.#goodMono = this.#clock.monotonic();
    this.#bytesSinceGood = false;
    if (this.#state !== "stale") {
      this.#goodAt ??= this.#clock.now();
      this.#change("negotiating", "open, waiting for the first good frame");
    }
  }

  /** Bytes came that made no good frame (yet). */
  bytes(): void {
    this.#bytesSinceGood = true;
  }

  /** A good frame came. */
  good(): void {
    this.#goodAt = this.#clock.now();
    this.#goodMono = this.#clock.monotonic();
    this.#bytesSinceGood = false;
    if (this.#state !== "online") {
      this.#change("online", "reading");
    }
  }

  /**
   * To be called about every `quietMs / 4` while the line is open. Returns true when the device has been silent for longer than it
   * may be: the first time the state becomes "stale" and is reported.
   */
  checkQuiet(): boolean {
    if (this.#clock.monotonic() - this.#goodMono < this.#options.quietMs) {
      return false;
    }
    if (this.#state === "online" || this.#state === "negotiating") {
      this.#change("stale", this.#quietText());
    }
    return this.#state === "stale";
  }

  /** The line failed; the next attempt comes in `retryMs`. */
  failed(why: string, retryMs: number): void {
    const seconds = Math.max(1, Math.round(retryMs / 1000));
    this.#change("backoff", `${withoutStop(why)}; trying again in about ${seconds} s`);
  }

  /** The line was closed on purpose. */
  closed(): void {
    this.#goodAt = null;
    if (this.#state !== "closed") {
      this.#change("closed", "closed");
    }
  }

  #quietText(): string {
    const since = clockText(this.#goodAt ?? this.#clock.now());
    return this.#bytesSinceGood
      ? `bytes but no good frame since ${since}: ${this.#options.garbledHint ?? GARBLED_HINT}`
      : `no bytes since ${since}: ${this.#options.silentHint ?? SILENT_HINT}`;
  }

  #change(state: LineState, text: string): void {
    this.#state = state;
    this.#options.report(state, text, this.#clock.now());
  }
}

/** Local time of day as HH:MM, for plain words. */
export function clockText(at: number): string {
  const time = new Date(at);
  return `${String(time.getHours()).padStart(2, "0")}:${String(time.getMinutes()).padStart(2, "0")}`;
}

const SILENT_HINT = "check cable and device menu";
const GARBLED_HINT = "check baud rate, format and device menu";

function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, "");
}
