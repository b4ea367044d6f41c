import type { BadBytes, Frame, Measured, Output } from "../device.ts";
import type { Quality } from "../../reading.ts";
import { CODES, ETX, hexByte } from "./bytes.ts";
import type { CodeRow, Profile } from "./code-table.ts";
import type { FieldAnswer, Named } from "./field-answers.ts";
import { FIELD_ANSWERS, namedOf } from "./field-answers.ts";
import type { Identification } from "./fields.ts";
import { clockTime, numberText, parseIdentification } from "./fields.ts";
import type { MedibusMessage } from "./slow-messages.ts";
import { SIMULATION_CODE, TEST_CODE, TEXTS, TEXTS_NOT_GIVEN_ON } from "./text-codes.ts";

/**
 * Makes readings of responses. A device leaves out what it has no value for, so what it gave before and gives no longer has become
 * "no value". Alarms and trends are passed over.
 */
export class Answers {
  /** "other" until the device has said who it is: codes with two meanings then keep their number as name. */
  #profile: Profile;
  readonly #isAuto: boolean;
  #quality: Usable = "valid";
  /** By code: the number of the answer that it was last seen in. */
  readonly #seenIn = new Uint32Array(256);
  #answer = 0;
  #number = "";
  /** Per kind of answer: what was given at some time, by reading code. */
  readonly #given = new Map<number, Map<string, Named>>();
  /** Text codes that were told to be unknown. */
  readonly #told = new Set<number>();

  constructor(profile: Profile | null) {
    this.#profile = profile ?? "other";
    this.#isAuto = profile === null;
  }

  /** "demo" while the device says that it simulates, "test" while it is being tested. */
  get quality(): Quality {
    return this.#quality;
  }

  read({ code, data, bytes }: MedibusMessage): Output[] {
    switch (code) {
      case CODES.texts:
        return this.#texts(data, bytes);
      case CODES.clock:
        return clockOutputs(data, bytes);
      case CODES.identify:
        return this.#identified(parseIdentification(data));
      default: {
        const answer = FIELD_ANSWERS.get(code);
        return answer === undefined ? [] : this.#fields(answer, data, bytes);
      }
    }
  }

  /** Records of a two-digit code and a field of fixed width. */
  #fields(answer: FieldAnswer, data: string, bytes: number): Output[] {
    const width = 2 + answer.width;
    if (data.length % width !== 0) {
      return [fault("framing", bytes, "an answer whose length is not that of its records")];
    }
    const outputs: Output[] = [];
    const found: Measured[] = [];
    this.#answer += 1;
    for (let from = 0; from < data.length; from += width) {
      const number = hexByte(data, from);
      if (number < 0) {
        return [fault("framing", bytes, "an answer with a record that does not start with a code")];
      }
      if (answer.notGivenOn.has(number)) {
        continue;
      }
      const row = namedOf(answer, number, this.#profile);
      const text = numberText(data, from + 2, from + width);
      if (text === null) {
        outputs.push(fault("unknown-field", width, `a value of ${row.code} that is no number`));
      }
      const mayBeHere = row.isShared || this.#seenIn[number] === this.#answer;
      addNumber(found, numberOf(row, text, this.#quality), mayBeHere);
      this.#seenIn[number] = this.#answer;
    }
    outputs.push(this.#frame(answer.code, found));
    return outputs;
  }

  #texts(data: string, bytes: number): Output[] {
    const outputs: Output[] = [];
    const found: Measured[] = [];
    let quality: Usable = "valid";
    for (let from = 0; from < data.length;) {
      const number = hexByte(data, from);
      const length = data.charCodeAt(from + 2) - TEXT_LENGTH_ZERO;
      const end = from + TEXT_HEAD + length;
      if (number < 0 || !(length >= 0) || data.charCodeAt(end) !== ETX) {
        return [fault("framing", bytes, "text messages that do not have their form")];
      }
      const row = TEXTS.get(number);
      const value = data.slice(from + TEXT_HEAD, end).trim();
      if (number === SIMULATION_CODE) {
        quality = "demo";
      } else if (number === TEST_CODE && quality === "valid") {
        quality = "test";
      }
      if (row !== undefined && value !== "") {
        found.push({ ...named(row), value, text: value, quality: ["valid"], deviceAt: null });
      } else if (row === undefined && this.#isNews(number)) {
        const text = "a text message of unknown meaning: not given on, as it may name a patient";
        outputs.push(fault("unknown-field", end + 1 - from, text));
      }
      from = end + 1;
    }
    this.#quality = quality;
    outputs.push(this.#frame(CODES.texts, found));
    return outputs;
  }

  #isNews(number: number): boolean {
    const isNews = !TEXTS_NOT_GIVEN_ON.has(number) && !this.#told.has(number);
    this.#told.add(number);
    return isNews;
  }

  #identified(found: Identification | null): Output[] {
    if (found === null || found.number === COMPUTER_NUMBER) {
      return [];
    }
    if (this.#isAuto) {
      this.#profile = MEDIBUS_NUMBERS.has(found.number) ? "medibus" : "other";
    }
    if (found.number !== this.#number) {
      // Another device: what it does not give, it may never have given.
      this.#given.clear();
      this.#number = found.number;
    }
    const readings = IDENTIFICATION_ROWS.flatMap(([field, row]): Measured[] => {
      const value = found[field].trim();
      return value === ""
        ? []
        : [{ ...row, value, text: value, quality: ["valid"], deviceAt: null }];
    });
    return [{ kind: "frame", readings, waves: [] }];
  }

  /** A frame of what was found, and of what was given before and is there no longer. */
  #frame(code: number, readings: Measured[]): Frame {
    const given = this.#given.get(code) ?? new Map<string, Named>();
    this.#given.set(code, given);
    for (const reading of readings) {
      if (!given.has(reading.code)) {
        given.set(reading.code, reading);
      }
    }
    if (given.size > readings.length) {
      const here = new Set(readings.map((reading) => reading.code));
      for (const row of given.values()) {
        if (!here.has(row.code)) {
          readings.push(noValue(row, "unavailable"));
        }
      }
    }
    return { kind: "frame", readings, waves: [] };
  }
}

type Usable = "valid" | "demo" | "test";
type Unusable = "invalid" | "unavailable";
/** One list for all readings of a quality. */
const AS: Readonly<Record<Usable | Unusable, readonly Quality[]>> = {
  valid: ["valid"],
  demo: ["demo"],
  test: ["test"],
  invalid: ["invalid"],
  unavailable: ["unavailable"],
};

const TEXT_HEAD = 3;
/** The length of a text is sent as one character: this one for 0. */
const TEXT_LENGTH_ZERO = 0x30;

const COMPUTER_NUMBER = "0161";
/** Evita 2, Evita, Evita 2 dura, Evita 4, Savina, EvitaXL, Capnosat and Graphic Screen: 90 28 329. */
const MEDIBUS_NUMBERS: ReadonlySet<string> = new Set(
  "8200 8210 8230 8240 8250 8260 8300 7012".split(" "),
);

const IDENTIFICATION_ROWS: readonly (readonly [keyof Identification, Named])[] = [
  ["number", named({ code: "DRAEGER_ID_NUMBER", path: "1.0.1" })],
  ["name", named({ code: "DRAEGER_DEVICE_NAME", path: "1.0.2" })],
  ["revision", named({ code: "DRAEGER_DEVICE_REVISION", path: "1.0.3" })],
  ["medibus", named({ code: "DRAEGER_MEDIBUS_REVISION", path: "1.0.4" })],
];
const CLOCK_ROW = named({ code: "DRAEGER_DEVICE_CLOCK", path: "1.0.5" });

function named({ code, path }: { readonly code: string; readonly path: string }): Named {
  return { code, mdc: null, unit: "1", path };
}

function numberOf(row: CodeRow, text: string | null, quality: Usable): Measured {
  if (text === null || text === "") {
    return noValue(row, text === null ? "invalid" : "unavailable");
  }
  const { code, mdc, unit, path } = row;
  return { code, mdc, value: Number(text), text, unit, quality: AS[quality], path, deviceAt: null };
}

/** Adds a value. The same quantity twice in one answer: the first with a value counts. */
function addNumber(found: Measured[], number: Measured, mayBeHere: boolean): void {
  const before = mayBeHere ? found.findIndex(({ code }) => code === number.code) : -1;
  if (before < 0) {
    found.push(number);
  } else if (found[before]?.value === null && number.value !== null) {
    found[before] = number;
  }
}

function noValue({ code, mdc, unit, path }: Named, quality: Unusable): Measured {
  return { code, mdc, value: null, text: "", unit, quality: AS[quality], path, deviceAt: null };
}

function clockOutputs(data: string, bytes: number): Output[] {
  const text = data.trim();
  if (text === "") {
    return [];
  }
  const deviceAt = clockTime(data);
  if (deviceAt === null) {
    return [fault("unknown-field", bytes, "a date and time that is none")];
  }
  const reading: Measured = { ...CLOCK_ROW, value: text, text, quality: ["valid"], deviceAt };
  return [{ kind: "frame", readings: [reading], waves: [] }];
}

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
