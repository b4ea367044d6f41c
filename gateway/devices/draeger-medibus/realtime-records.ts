import type { BadBytes } from "../device.ts";

/** One realtime record: what its sync commands say, and one value of each stream that it carries. */
export interface RealtimeRecord {
  readonly kind: "record";
  /** Bit 0 is stream 1, up to bit 11 for stream 12: whose values are there, in this order. */
  readonly streams: number;
  readonly values: readonly number[];
  /** Which half of the breathing cycle starts with this record, if one does. */
  readonly breath: "inspiration" | "expiration" | null;
  /** The other side says that it received a corrupt record. */
  readonly corrupt: boolean;
  /** Records were lost since the one before. */
  readonly gap: boolean;
  readonly bytes: number;
}

export type RealtimeEvent = RealtimeRecord | BadBytes;

/**
 * Cuts realtime bytes (bit 7 set) into records: a sync byte, up to 16 sync commands of two bytes, then two bytes for each value.
 * There is no checksum, so a record counts only when it has exactly the values that its sync byte and the last "Transmitted
 * Datastreams" commands announce, and only when the next sync byte shows that nothing was added to it.
 */
export class RealtimeRecords {
  readonly #record = new Uint8Array(RECORD_BYTES_MAX);
  /** Bytes of the record being collected, its sync byte included; 0 before the first sync byte. */
  #length = 0;
  /** Bytes of it that did not fit, or that are no realtime bytes: then it cannot be used. */
  #surplus = 0;
  /** Streams 5-12 as the device last announced them; they stay so until it announces others. */
  #higher = 0;
  #lost = 0;
  #lostWhy: LostWhy = "truncated";
  #gap = false;

  /** Takes the realtime bytes from a place on, up to the next slow byte; returns the place of that one, or the end. */
  push(bytes: Uint8Array, from: number, events: RealtimeEvent[]): number {
    let place = from;
    for (; place < bytes.length; place += 1) {
      const byte = bytes[place] ?? 0;
      if (byte < REALTIME_FLAG) {
        break;
      }
      this.#take(byte, events);
    }
    return place;
  }

  #take(byte: number, events: RealtimeEvent[]): void {
    if (isSync(byte)) {
      this.#finish(events);
      this.#record[0] = byte;
      this.#length = 1;
    } else if (this.#length === 0) {
      this.#lose(byte >= INVALID ? "noise" : "truncated", 1);
    } else if (byte < INVALID && this.#length < RECORD_BYTES_MAX) {
      this.#record[this.#length] = byte;
      this.#length += 1;
    } else {
      this.#surplus += 1;
    }
    if (this.#lost + this.#surplus >= LOST_BYTES_MAX) {
      this.#lose("noise", this.#surplus);
      this.#surplus = 0;
      this.#giveUp("framing");
      this.#tellLost(events);
    }
  }

  end(events: RealtimeEvent[]): void {
    this.#finish(events);
    this.#tellLost(events);
  }

  /** The device has forgotten which streams it was to send. */
  reset(): void {
    this.#higher = 0;
  }

  #finish(events: RealtimeEvent[]): void {
    if (this.#length === 0) {
      return;
    }
    const record = this.#surplus > 0 ? null : this.#parse();
    if (record === null) {
      this.#lose("framing", this.#surplus);
      this.#surplus = 0;
      this.#giveUp("framing");
      return;
    }
    this.#tellLost(events);
    events.push(record);
    this.#length = 0;
    this.#gap = false;
  }

  #parse(): RealtimeRecord | null {
    const record = this.#record;
    const length = this.#length;
    let higher = this.#higher;
    let breath: RealtimeRecord["breath"] = null;
    let corrupt = false;
    let place = 1;
    for (; place < length && isCommand(record[place] ?? 0); place += 2) {
      if (place + 1 >= length || !isCommand(record[place + 1] ?? 0)) {
        return null;
      }
      const argument = (record[place + 1] ?? 0) & 0x0f;
      switch (record[place]) {
        case TRANSMITTED_5_TO_8:
          higher = (higher & ~0x0f0) | (argument << 4);
          break;
        case TRANSMITTED_9_TO_12:
          higher = (higher & ~0xf00) | (argument << 8);
          break;
        case BREATH:
          breath = BREATHS[argument] ?? null;
          break;
        case CORRUPT:
          corrupt = true;
          break;
        default:
          // End of the commands, or streams being enabled, which only a recording of both directions has.
          break;
      }
    }
    const low = (record[0] ?? 0) & 0x0f;
    const streams = place === length && low === 0 ? 0 : low | higher;
    const values = valuesFrom(record, place, length);
    if (values === null || values.length !== countOf(streams)) {
      return null;
    }
    this.#higher = higher;
    return { kind: "record", streams, values, breath, corrupt, gap: this.#gap, bytes: length };
  }

  #giveUp(why: LostWhy): void {
    this.#lose(why, this.#length);
    this.#length = 0;
  }

  /** Counts lost bytes; the first reason of a run is the one that is told. */
  #lose(why: LostWhy, bytes: number): void {
    if (this.#lost === 0) {
      this.#lostWhy = why;
    }
    this.#lost += bytes;
    this.#gap ||= bytes > 0;
  }

  #tellLost(events: RealtimeEvent[]): void {
    if (this.#lost > 0) {
      const fault = this.#lostWhy;
      events.push({ kind: "fault", fault, bytes: this.#lost, text: LOST_TEXTS[fault] });
    }
    this.#lost = 0;
  }
}

/** Sync byte, 16 sync commands, 12 values. */
const RECORD_BYTES_MAX = 1 + 2 * 16 + 2 * 12;
/** Lost bytes are told at the latest after this many, so that endless noise is seen. */
const LOST_BYTES_MAX = 1000;
const REALTIME_FLAG = 0x80;
/** From here on bytes are neither value (10xxxxxx) nor sync command (1100xxxx) nor sync byte (1101xxxx). */
const INVALID = 0xe0;

const TRANSMITTED_5_TO_8 = 0xc4;
const TRANSMITTED_9_TO_12 = 0xc5;
const BREATH = 0xc6;
const CORRUPT = 0xcf;
const BREATHS: readonly RealtimeRecord["breath"][] = ["inspiration", "expiration"];

type LostWhy = "noise" | "truncated" | "framing";

const LOST_TEXTS: Readonly<Record<LostWhy, string>> = {
  noise: "realtime bytes that are no record",
  truncated: "realtime bytes of a record whose start was missed",
  framing: "a realtime record with more or fewer values than it announces",
};

function isSync(byte: number): boolean {
  return byte >> 4 === 0x0d;
}

function isCommand(byte: number): boolean {
  return byte >> 4 === 0x0c;
}

function valuesFrom(record: Uint8Array, from: number, to: number): number[] | null {
  if ((to - from) % 2 !== 0) {
    return null;
  }
  const values: number[] = [];
  for (let place = from; place < to; place += 2) {
    const low = record[place] ?? 0;
    const high = record[place + 1] ?? 0;
    if (isCommand(low) || isCommand(high)) {
      return null;
    }
    values.push((low & 0x3f) | ((high & 0x3f) << 6));
  }
  return values;
}

function countOf(streams: number): number {
  let count = 0;
  for (let rest = streams; rest > 0; rest &= rest - 1) {
    count += 1;
  }
  return count;
}
