import type { BadBytes, IdentityFound, Measured, Output } from "../device.ts";
import { fingerprintOf } from "./astm-code.ts";
import type { Delimiters } from "./astm-delimiters.ts";
import { delimitersOf, unescaped, USUAL_DELIMITERS } from "./astm-delimiters.ts";
import type { AstmFrame } from "./astm-link.ts";
import { resultsOf } from "./astm-result.ts";

/** What becomes of the id of the specimen that results belong to. */
export type SpecimenUse = "drop" | "hash" | "keep";

/** A record that goes on in the next frame. */
interface Carry {
  readonly text: string;
  readonly number: number | null;
}

/**
 * Reads the records of ASTM E1394 (LIS02) out of frames: H header, O order, R result; the others are not looked at. Patient records are dropped before any of
 * their fields is looked at, and of an order only the specimen id and whether it is quality control is read.
 */
export class AstmRecords {
  readonly #specimenUse: SpecimenUse;
  #delimiters: Delimiters = USUAL_DELIMITERS;
  #isTestMessage = false;
  #isTestOrder = false;
  /** Null when it is not known: before the first order, and after a frame was lost. */
  #specimen: string | null = null;
  #carry: Carry | null = null;
  #sender: string | null = null;

  constructor(specimenUse: SpecimenUse) {
    this.#specimenUse = specimenUse;
  }

  /** The results and faults of one frame. */
  ofFrame({ text, number, isLast, hasChecksum }: AstmFrame): Output[] {
    const outputs: Output[] = [];
    const begun = this.#takeCarry(text, number, outputs);
    const records = (begun + text).split(RECORD_END);
    const rest = isLast ? "" : (records.pop() ?? "");
    if (rest.length > CARRY_CHARACTERS_MAX) {
      outputs.push(fault("framing", rest.length, "a record that does not end"));
    } else if (rest !== "") {
      this.#carry = { text: rest, number };
    }
    return [...outputs, ...this.#ofRecords(records, hasChecksum)];
  }

  /** The results and faults of a message without frames. */
  ofMessage(text: string): Output[] {
    return this.#ofRecords(text.split(RECORD_END), false);
  }

  /** A frame was lost: what it said of the specimen, or the rest of a record, is not known. */
  lose(): BadBytes[] {
    this.#specimen = null;
    return this.#dropCarry();
  }

  /** A transmission starts or ends. Its own order says whose results come; without one that is not known. */
  reset(): BadBytes[] {
    return this.lose();
  }

  /**
   * A frame that ends with ETB may be continued by the next one. Some analysers end each record so, without CR: then the next frame starts with
   * a record of its own.
   */
  #takeCarry(text: string, number: number | null, outputs: Output[]): string {
    const carry = this.#carry;
    if (carry === null) {
      return "";
    }
    if (isRecordStart(text, delimitersOf(carry.text) ?? this.#delimiters)) {
      this.#carry = null;
      outputs.push(...this.#ofRecords([carry.text], false));
      return "";
    }
    if (!isNext(carry.number, number)) {
      outputs.push(...this.#dropCarry());
      return "";
    }
    this.#carry = null;
    return carry.text;
  }

  #dropCarry(): BadBytes[] {
    const carry = this.#carry;
    this.#carry = null;
    const text = "a record whose other frames are missing";
    return carry === null
      ? []
      : [{ kind: "fault", fault: "truncated", bytes: carry.text.length, text }];
  }

  #ofRecords(records: readonly string[], isChecked: boolean): Output[] {
    const outputs: Output[] = [];
    const readings: Measured[] = [];
    for (const padded of records) {
      const record = padded.trimStart();
      switch (letterOf(record)) {
        case "H":
          this.#giveReadings(readings, outputs);
          outputs.push(...this.#readHeader(record, isChecked));
          break;
        case "O":
          this.#giveReadings(readings, outputs);
          this.#readOrder(record.split(this.#delimiters.field));
          break;
        case "R":
          this.#readResult(record, readings, outputs);
          break;
        case null:
          outputs.push(fault("unknown-field", record.length, "text that is no record"));
          break;
        default:
        // Patient, comment, query, manufacturer's and terminator records, and empty lines.
      }
    }
    this.#giveReadings(readings, outputs);
    return outputs;
  }

  /** The results of one order are one frame, with the specimen they belong to. */
  #giveReadings(readings: Measured[], outputs: Output[]): void {
    if (readings.length > 0) {
      const specimen = this.#specimenReading();
      const all = specimen === null ? [...readings] : [specimen, ...readings];
      outputs.push({ kind: "frame", readings: all, waves: [] });
      readings.length = 0;
    }
  }

  /** `H|\^&|||name^version^serial|||||||P|...`: the delimiters, who sends, and whether it is about patients. */
  #readHeader(record: string, isChecked: boolean): IdentityFound[] {
    this.#delimiters = delimitersOf(record) ?? USUAL_DELIMITERS;
    const fields = record.split(this.#delimiters.field);
    const processing = (fields[HEADER_PROCESSING - 1] ?? "").trim();
    this.#isTestMessage = TEST_PROCESSING.has(processing);
    this.#isTestOrder = false;
    this.#specimen = null;
    const sender = (fields[HEADER_SENDER - 1] ?? "")
      .split(this.#delimiters.component)
      .map((part) => unescaped(part, this.#delimiters).trim())
      .filter((part) => part !== "")
      .join(" ")
      .replaceAll(/[^ -~]/g, "?")
      .slice(0, SENDER_CHARACTERS_MAX);
    if (!isChecked || sender === "" || sender === this.#sender) {
      return [];
    }
    this.#sender = sender;
    return [{ kind: "identity", serial: sender }];
  }

  #readOrder(fields: readonly string[]): void {
    this.#isTestOrder = (fields[ORDER_ACTION - 1] ?? "").trim() === QUALITY_CONTROL;
    const [own, instrument] = [fields[ORDER_SPECIMEN - 1], fields[ORDER_INSTRUMENT_SPECIMEN - 1]];
    const specimen = this.#tidy(own ?? "") || this.#tidy(instrument ?? "");
    this.#specimen = specimen === "" ? null : specimen;
  }

  #readResult(record: string, readings: Measured[], outputs: Output[]): void {
    const isTest = this.#isTestMessage || this.#isTestOrder;
    const fields = record.split(this.#delimiters.field);
    const results = resultsOf(fields, { delimiters: this.#delimiters, isTest });
    if (typeof results === "string") {
      outputs.push(fault("unknown-field", record.length, results));
    } else {
      readings.push(...results);
    }
  }

  /** Parts of a specimen id without padding. */
  #tidy(specimen: string): string {
    return specimen
      .split(this.#delimiters.component)
      .map((part) => unescaped(part, this.#delimiters).trim())
      .join("^")
      .replaceAll(/^\^+|\^+$/g, "")
      .slice(0, SPECIMEN_CHARACTERS_MAX);
  }

  #specimenReading(): Measured | null {
    if (this.#specimenUse === "drop") {
      return null;
    }
    const term = { code: "ASTM_SPECIMEN", mdc: null, unit: "1", path: "", deviceAt: null };
    if (this.#specimen === null) {
      return { ...term, value: null, text: "", quality: ["unavailable"] };
    }
    const text = this.#specimenUse === "keep" ? this.#specimen : fingerprintOf(this.#specimen);
    return { ...term, value: text, text, quality: ["valid"] };
  }
}

const RECORD_END = /[\r\n]+/;
/** Characters of a record that goes on, at most. */
const CARRY_CHARACTERS_MAX = 65_536;
const SENDER_CHARACTERS_MAX = 64;
const SPECIMEN_CHARACTERS_MAX = 64;

/** Fields are counted from 1, the record's letter. */
const HEADER_SENDER = 5;
const HEADER_PROCESSING = 12;
const ORDER_SPECIMEN = 3;
const ORDER_INSTRUMENT_SPECIMEN = 4;
const ORDER_ACTION = 12;

/** T training, D debugging, Q quality control; P is production. */
const TEST_PROCESSING: ReadonlySet<string> = new Set(["T", "D", "Q"]);
const QUALITY_CONTROL = "Q";

/** Frames are numbered 1-7, 0, 1 and so on; some go from 7 to 1, and some are not numbered. */
function isNext(last: number | null, number: number | null): boolean {
  return (
    last === null || number === null || number === (last + 1) % 8 || (last === 7 && number === 1)
  );
}

/**
 * Whether a text starts with a record of its own: its letter and its number, or a header with its delimiters. A letter alone is not enough: the
 * rest of `mmol/L|` looks like that, and so do flags and status.
 */
function isRecordStart(text: string, { field }: Delimiters): boolean {
  if (delimitersOf(text) !== null) {
    return true;
  }
  const [start, number] = text.split(/[\r\n]/, 1).flatMap((line) => line.split(field, 2));
  return /^[POCRQMSL]$/.test(start ?? "") && /^\d+$/.test(number ?? "");
}

/** The letter of a record, "" for an empty line, null for text that is no record. */
function letterOf(record: string): string | null {
  if (record === "") {
    return "";
  }
  return /^[A-Z](?:\W|$)/.test(record) ? record.charAt(0) : null;
}

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
