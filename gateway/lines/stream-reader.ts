import { setTimeout as sleep } from "node:timers/promises";

import type { DeviceOptions, Frame, LineScheme, StreamDriver } from "../devices/device.ts";
import { quietMsOf } from "../devices/device.ts";
import { errorText } from "../errors.ts";
import { Backoff } from "./backoff.ts";
import type { DeviceSink } from "./line.ts";
import { LineMachine, SYSTEM_CLOCK } from "./machine.ts";
import type { LineClock } from "./machine.ts";
import { StreamSession } from "./stream-session.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** One device, its driver and the way to open its line. */
export interface StreamReaderOptions {
  /** Plain name of the line. */
  readonly key: string;
  readonly scheme: LineScheme;
  readonly driver: StreamDriver;
  readonly deviceOptions: DeviceOptions;
  readonly sink: DeviceSink;
  readonly opener: (events: TransportEvents) => Promise<Transport>;
  readonly clock?: LineClock;
  readonly firstRetryMs?: number;
  readonly maxRetryMs?: number;
}

/**
 * Keeps one stream device read: opens the line, hands bytes to the driver, notices silence, and opens it again with
 * back-off after every failure until it is closed. It never throws; what it learns goes to the sink.
 */
export class StreamReader {
  readonly #options: StreamReaderOptions;
  readonly #stop = new AbortController();
  readonly #machine: LineMachine;
  readonly #backoff: Backoff;
  /** How long a silent device is waited for before its line is opened again. Doubles while it stays silent. */
  readonly #reopen: Backoff;
  #done: Promise<void> | null = null;
  /** A waveform came in this session, or in an earlier one. */
  #waved = false;
  #wavedBefore = false;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
    const quietMs = quietMsOf(options.driver, options.deviceOptions);
    this.#machine = new LineMachine({
      quietMs,
      clock: options.clock ?? SYSTEM_CLOCK,
      report: (state, text, at) => options.sink.state(state, text, at),
    });
    this.#backoff = new Backoff({
      firstMs: options.firstRetryMs ?? RETRY_FIRST_MS,
      maxMs: options.maxRetryMs ?? RETRY_MAX_MS,
    });
    this.#reopen = new Backoff({ firstMs: 2 * quietMs, maxMs: REOPEN_MAX_MS });
  }

  /** Begins; does nothing when it was closed before. */
  start(): void {
    this.#done ??= this.#run();
  }

  /** Ends it; the sink is told "closed" before this returns and nothing after. Resolves within 2 seconds. */
  async close(): Promise<void> {
    if (!this.#stop.signal.aborted) {
      this.#stop.abort();
      this.#machine.closed();
    }
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#machine.connecting(this.#options.key);
      const failure = await this.#session();
      if (this.#stop.signal.aborted) {
        break;
      }
      if (failure !== null) {
        const waitMs = this.#backoff.next();
        this.#machine.failed(failure, waitMs);
        await sleep(waitMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      }
    }
  }

  /** One attempt. Returns why it failed, or null when the line is to be opened again because the device is silent. */
  async #session(): Promise<string | null> {
    const session = new StreamSession({
      driver: this.#options.driver,
      scheme: this.#options.scheme,
      deviceOptions: this.#options.deviceOptions,
      clock: this.#options.clock ?? SYSTEM_CLOCK,
      machine: this.#machine,
      silentMs: this.#reopen.next(),
      sink: this.#sessionSink(),
      signal: this.#stop.signal,
    });
    this.#wavedBefore ||= this.#waved;
    this.#waved = false;
    try {
      return await session.run(this.#options.opener);
    } catch (error) {
      return errorText(error);
    }
  }

  #sessionSink(): DeviceSink {
    const { sink } = this.#options;
    return {
      frame: (frame, at) => this.#frame(frame, at),
      fault: (fault, at) => sink.fault(fault, at),
      state: (state, text, at) => sink.state(state, text, at),
      identity: (serial, at) => sink.identity(serial, at),
    };
  }

  #frame(frame: Frame, at: number): void {
    this.#backoff.reset();
    this.#reopen.reset();
    // A decoder is new in each session: only here it is known that samples are missing before its first block.
    const afterBreak = frame.waves.length > 0 && !this.#waved && this.#wavedBefore;
    this.#waved ||= frame.waves.length > 0;
    this.#options.sink.frame(afterBreak ? withGap(frame) : frame, at);
  }
}

function withGap(frame: Frame): Frame {
  return { ...frame, waves: frame.waves.map((wave) => ({ ...wave, gap: true })) };
}

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 15_000;
const REOPEN_MAX_MS = 60_000;
