import type { Ask, DeviceOptions, Output, StreamDecoder } from "../device.ts";
import { Answers } from "./answers.ts";
import { CODES } from "./bytes.ts";
import { Conversation } from "./conversation.ts";
import { namedStreams, parseOffer } from "./realtime-offer.ts";
import type { RealtimeEvent } from "./realtime-records.ts";
import { RealtimeRecords } from "./realtime-records.ts";
import { RealtimeSetup } from "./realtime-setup.ts";
import type { MedibusMessage, SlowEvent } from "./slow-messages.ts";
import { SlowMessages } from "./slow-messages.ts";
import type { SelectedStream } from "./wave-blocks.ts";
import { PAUSE_MS, WaveBlocks } from "./wave-blocks.ts";

/** Both protocols of one line, which share nothing but the wire: bit 7 tells realtime bytes from slow ones. */
export class MedibusDecoder implements StreamDecoder {
  readonly #slow = new SlowMessages();
  readonly #records = new RealtimeRecords();
  readonly #blocks = new WaveBlocks();
  readonly #answers: Answers;
  readonly #setup: RealtimeSetup;
  readonly #conversation: Conversation;
  readonly #slowEvents: SlowEvent[] = [];
  readonly #realtimeEvents: RealtimeEvent[] = [];
  /** When the last realtime byte came. */
  #recordsAt = 0;
  /** The device wants to hear nothing until then (DC1). */
  #silentUntil = Number.NEGATIVE_INFINITY;
  readonly #held: Ask[] = [];

  constructor(options: DeviceOptions) {
    const { profile } = options;
    this.#answers = new Answers(profile === "medibus" || profile === "medibus.x" ? profile : null);
    this.#setup = new RealtimeSetup(
      options["waves"] !== false,
      namedStreams(String(options["streams"] ?? "auto")),
    );
    this.#conversation = new Conversation(
      {
        pollMs: Number(options["poll-ms"] ?? 1000),
        texts: options["texts"] !== false,
        limits: options["limits"] === true,
      },
      this.#setup,
    );
  }

  push(bytes: Uint8Array, at: number): Output[] {
    const outputs = this.#settle(at);
    for (let place = 0; place < bytes.length;) {
      const slowEnd = this.#slow.push(bytes, place, this.#slowEvents);
      if (slowEnd > place) {
        this.#conversation.heard(at);
        this.#useSlow(at, outputs);
      }
      place = this.#records.push(bytes, slowEnd, this.#realtimeEvents);
      this.#recordsAt = place > slowEnd ? at : this.#recordsAt;
      this.#useRealtime(at, outputs);
    }
    return outputs;
  }

  tick(at: number): Output[] {
    const outputs = this.#settle(at);
    if (at < this.#silentUntil) {
      return outputs;
    }
    outputs.push(...this.#held.splice(0), ...this.#conversation.tick(at));
    this.#select(this.#setup.started(), at, outputs);
    return outputs;
  }

  end(at: number): Output[] {
    const outputs: Output[] = [];
    this.#slow.end(this.#slowEvents);
    this.#useSlow(at, outputs);
    this.#records.end(this.#realtimeEvents);
    this.#useRealtime(at, outputs);
    outputs.push(...this.#blocks.flush(at, this.#answers.quality));
    return outputs;
  }

  /** No realtime byte came for a while: what is there is given, so that it does not wait and is not joined to what comes later. */
  #settle(at: number): Output[] {
    const outputs: Output[] = [];
    if (at - this.#recordsAt > PAUSE_MS) {
      this.#records.end(this.#realtimeEvents);
      this.#useRealtime(this.#recordsAt, outputs);
      outputs.push(...this.#blocks.settle(at, this.#answers.quality));
    }
    return outputs;
  }

  #useSlow(at: number, outputs: Output[]): void {
    const events = this.#slowEvents;
    for (const event of events) {
      switch (event.kind) {
        case "fault":
          outputs.push(event);
          break;
        case "suspend":
          this.#silentUntil = at + SILENT_MS;
          break;
        case "resume":
          this.#silentUntil = Number.NEGATIVE_INFINITY;
          outputs.push(...this.#say(this.#held.splice(0), at));
          break;
        case "broken":
          outputs.push(...this.#say(this.#conversation.broken(event.what, at), at));
          break;
        case "command":
        case "response":
          this.#useMessage(event, at, outputs);
          break;
      }
    }
    events.length = 0;
  }

  #useMessage(message: MedibusMessage, at: number, outputs: Output[]): void {
    const asks = this.#conversation.take(message, at);
    if (asks.length > 0) {
      outputs.push(...this.#say(asks, at));
    }
    const { kind, code, data } = message;
    if (kind === "response") {
      outputs.push(...this.#answers.read(message));
      if (code === CODES.realtimeOffer) {
        this.#useOffer(message, at, outputs);
      } else if (code === CODES.realtimeSelect) {
        this.#select(this.#setup.accepted(at), at, outputs);
      } else if (code === CODES.initialize) {
        this.#select([], at, outputs);
      }
    } else if (code === CODES.realtimeSelect) {
      this.#setup.see(data);
    } else if (code === CODES.realtimeChanged || code === CODES.initialize) {
      this.#select([], at, outputs);
    }
  }

  #useOffer({ data, bytes }: MedibusMessage, at: number, outputs: Output[]): void {
    const offered = parseOffer(data);
    if (offered === null) {
      const text = "a realtime configuration that does not have its form";
      outputs.push({ kind: "fault", fault: "framing", bytes, text });
      return;
    }
    this.#select(this.#setup.offer(offered), at, outputs);
  }

  #select(selected: readonly SelectedStream[] | null, at: number, outputs: Output[]): void {
    if (selected !== null) {
      // The last record still belongs to the selection before.
      this.#records.end(this.#realtimeEvents);
      this.#useRealtime(at, outputs);
      this.#records.reset();
      outputs.push(...this.#blocks.select(selected, at, this.#answers.quality));
    }
  }

  #useRealtime(at: number, outputs: Output[]): void {
    const events = this.#realtimeEvents;
    for (const event of events) {
      if (event.kind === "fault") {
        outputs.push(event);
        continue;
      }
      if (event.corrupt) {
        this.#setup.enableSoon();
      }
      if (event.values.length > 0) {
        this.#setup.recordCame(at);
      }
      this.#blocks.push(event, at, this.#answers.quality, outputs);
    }
    events.length = 0;
  }

  /** Says it, or keeps it until the device wants to hear again. */
  #say(asks: readonly Ask[], at: number): Ask[] {
    if (at >= this.#silentUntil) {
      return [...asks];
    }
    this.#held.push(...asks.slice(0, HELD_MAX - this.#held.length));
    return [];
  }
}

/** A device must let go on within 3 seconds; a damaged byte that looks like DC1 must not break the link, which takes 3 seconds as well. */
const SILENT_MS = 2000;
const HELD_MAX = 4;
