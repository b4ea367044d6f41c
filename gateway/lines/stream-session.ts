import type {
  Ask,
  DeviceOptions,
  LineScheme,
  Output,
  StreamDecoder,
  StreamDriver,
} from "../devices/device.ts";
import { quietMsOf } from "../devices/device.ts";
import { errorText } from "../errors.ts";
import type { DeviceSink } from "./line.ts";
import type { LineClock, LineMachine } from "./machine.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** What one attempt on a line needs. */
export interface StreamSessionOptions {
  readonly driver: StreamDriver;
  /** The kind of line the bytes come over. */
  readonly scheme: LineScheme;
  readonly deviceOptions: DeviceOptions;
  readonly clock: LineClock;
  readonly machine: LineMachine;
  readonly sink: DeviceSink;
  /** How long a device that counts as silent is still waited for (milliseconds). */
  readonly silentMs: number;
  readonly signal: AbortSignal;
}

/** The outcome of a session: why it failed, or null when it ended in order (closed, or the device stayed silent). */
type Outcome = string | null;

/** One connection to one stream device, from opening to its end: bytes to the driver, its outputs to the sink. */
export class StreamSession {
  readonly #options: StreamSessionOptions;
  readonly #outcome = Promise.withResolvers<Outcome>();
  readonly #quietMs: number;
  #decoder: StreamDecoder;
  #transport: Transport | null = null;
  #asksWaiting = 0;
  #writes: Promise<void> = Promise.resolve();
  #goodMono: number;
  #over = false;

  constructor(options: StreamSessionOptions) {
    this.#options = options;
    this.#quietMs = quietMsOf(options.driver, options.deviceOptions);
    this.#decoder = options.driver.open(options.deviceOptions, options.scheme);
    this.#goodMono = options.clock.monotonic();
  }

  /** Runs to its end; rejects only when the line cannot be opened. */
  async run(opener: (events: TransportEvents) => Promise<Transport>): Promise<Outcome> {
    const { signal, machine, clock } = this.#options;
    const stop = (): void => this.#end(null);
    signal.addEventListener("abort", stop, { once: true });
    const opening = opener({
      onBytes: (bytes) => this.#receive(bytes),
      onEnd: (why) => this.#end(why),
    });
    try {
      const first = await Promise.race([opening, this.#outcome.promise]);
      if (first === null || typeof first === "string") {
        return first;
      }
      if (signal.aborted) {
        return null;
      }
      this.#transport = first;
      this.#goodMono = clock.monotonic();
      machine.opened();
      return await this.#watch();
    } finally {
      this.#over = true;
      signal.removeEventListener("abort", stop);
      await this.#release(opening);
    }
  }

  async #watch(): Promise<Outcome> {
    const { driver } = this.#options;
    const everyMs =
      driver.facts.mode === "active" ? TICK_MS : Math.min(this.#quietMs / 4, WATCH_MS_MAX);
    const timer = setInterval(() => this.#tick(), everyMs);
    this.#decode((decoder, at) => decoder.tick(at));
    try {
      return await this.#outcome.promise;
    } finally {
      clearInterval(timer);
      this.#use(this.#decoder.end?.(this.#options.clock.monotonic()) ?? []);
    }
  }

  #tick(): void {
    const { clock, machine, silentMs } = this.#options;
    this.#decode((decoder, at) => decoder.tick(at));
    const quietMs = clock.monotonic() - this.#goodMono;
    if (machine.checkQuiet() && quietMs >= this.#quietMs + silentMs) {
      this.#end(null);
    }
  }

  #receive(bytes: Uint8Array): void {
    if (this.#over || bytes.length === 0) {
      return;
    }
    this.#options.machine.bytes();
    // The usual few bytes go on as they are: to make a part of them costs more than to decode them.
    if (bytes.length <= CHUNK_BYTES_MAX) {
      this.#decode((decoder, at) => decoder.push(bytes, at));
      return;
    }
    for (let from = 0; from < bytes.length; from += CHUNK_BYTES_MAX) {
      const chunk = bytes.subarray(from, from + CHUNK_BYTES_MAX);
      this.#decode((decoder, at) => decoder.push(chunk, at));
    }
  }

  #decode(step: (decoder: StreamDecoder, at: number) => Output[]): void {
    let outputs: Output[];
    try {
      outputs = step(this.#decoder, this.#options.clock.monotonic());
    } catch (error) {
      // A decoder never throws; should one do so, its device must not take the others with it.
      const { driver, deviceOptions, scheme } = this.#options;
      this.#decoder = driver.open(deviceOptions, scheme);
      outputs = [{ kind: "fault", fault: "driver-error", bytes: 0, text: errorText(error) }];
    }
    this.#use(outputs);
  }

  #use(outputs: readonly Output[]): void {
    if (outputs.length === 0) {
      return;
    }
    const { clock, machine, sink, signal } = this.#options;
    const at = clock.now();
    for (const output of outputs) {
      if (signal.aborted) {
        return;
      }
      switch (output.kind) {
        case "frame":
          this.#goodMono = clock.monotonic();
          machine.good();
          sink.frame(output, at);
          break;
        case "fault":
          sink.fault(output, at);
          break;
        case "identity":
          sink.identity(output.serial, at);
          break;
        case "ask":
          this.#ask(output, at);
          break;
      }
    }
  }

  /** Writes a question, if its bytes are one of the driver's read verbs; nothing else ever reaches a device. */
  #ask(ask: Ask, at: number): void {
    const { driver, sink } = this.#options;
    if (!mayAsk(driver, ask)) {
      const text = `Refused to send "${ask.verb.slice(0, 32)}": its bytes are no read verb of ${driver.facts.model}.`;
      sink.fault({ kind: "fault", fault: "refused-verb", bytes: 0, text }, at);
      return;
    }
    const transport = this.#transport;
    if (transport === null || this.#over || this.#asksWaiting >= ASKS_WAITING_MAX) {
      return;
    }
    this.#asksWaiting += 1;
    this.#writes = this.#writes
      .then(() => transport.write(ask.bytes))
      .then(() => void (this.#asksWaiting -= 1))
      .catch((error: unknown) => this.#end(errorText(error)));
  }

  #end(outcome: Outcome): void {
    this.#outcome.resolve(outcome);
  }

  /** Closes what was opened, also when it opens only now. */
  async #release(opening: Promise<Transport>): Promise<void> {
    if (this.#transport !== null) {
      await this.#transport.close();
      return;
    }
    void opening.then((late) => late.close()).catch(() => undefined);
  }
}

/** Whether bytes may be sent to a device of this driver. */
export function mayAsk(driver: StreamDriver, { verb, bytes }: Ask): boolean {
  const read = driver.verbs.find((known) => known.verb === verb);
  return driver.facts.mode === "active" && read !== undefined && read.matches(bytes);
}

/** Bytes handed to a driver at once, at most. */
const CHUNK_BYTES_MAX = 4096;
const TICK_MS = 100;
const WATCH_MS_MAX = 500;
/** Questions that may wait to be written; a device that takes none gets no more. */
const ASKS_WAITING_MAX = 8;
