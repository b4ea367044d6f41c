import type { Octets } from "./octets.ts";
import type { PolledObject } from "./poll-reply.ts";

/**
 * What an object is: known from the attributes that a monitor sends rarely, needed for the values that it sends always.
 */
export interface MetricNote {
  /** Containment, see `pathOf`. */
  readonly path: string;
  /** It shows a setting or an alarm limit, not a measurement. */
  isSetting: boolean;
  isOff: boolean;
  /** The name on the monitor's screen; "" before it came. */
  label: string;
}

/** Notes about the objects of one monitor, at most `NOTES_MAX` of them. */
export class MetricNotes {
  readonly #notes = new Map<number, MetricNote>();

  /** Takes what the attributes say about an object. True when it has another label than before. */
  take(object: PolledObject): { readonly note: MetricNote; readonly isRelabelled: boolean } {
    const note = this.#noteOf(object);
    let isRelabelled = false;
    for (const { id, value } of object.attributes) {
      if (id === ATTRIBUTE_METRIC_SPECIFICATION) {
        value.u32();
        note.isSetting = SETTINGS.has(value.u16());
      } else if (id === ATTRIBUTE_METRIC_STATE) {
        note.isOff = (value.u16() & METRIC_OFF) !== 0;
      } else if (id === ATTRIBUTE_LABEL_STRING) {
        const label = readString(value);
        isRelabelled = label !== "" && label !== note.label;
        note.label = label === "" ? note.label : label;
      }
    }
    return { note, isRelabelled };
  }

  #noteOf(object: PolledObject): MetricNote {
    const key = objectKey(object);
    let note = this.#notes.get(key);
    if (note === undefined) {
      note = { path: pathOf(object), isSetting: false, isOff: false, label: "" };
      if (this.#notes.size >= NOTES_MAX) {
        this.#notes.clear();
      }
      this.#notes.set(key, note);
    }
    return note;
  }
}

/** An object's handle is its own only within its context. */
export function objectKey({ context, handle }: PolledObject): number {
  return context * 0x1_00_00 + handle;
}

/**
 * The monitor, its measurement server (context), no channel, the object by its handle; the values of a compound have their
 * place after it, from 1. Data Export does not say which VMD and channel an object belongs to.
 */
function pathOf({ context, handle }: PolledObject): string {
  return `1.${context}.0.${handle}`;
}

/** UTF-16, big-endian, with its length in bytes before it; fill and blanks at the end are left out. */
function readString(octets: Octets): string {
  const text = octets.part(octets.u16());
  let string = "";
  while (text.left >= 2 && string.length < LABEL_CHARACTERS_MAX) {
    string += String.fromCharCode(text.u16());
  }
  return string.replaceAll(FILL, "").trimEnd().toWellFormed();
}

const NOTES_MAX = 1024;
const LABEL_CHARACTERS_MAX = 64;
/** Zeros, and the width filler of Asian characters. */
const FILL = /[\0\uFEFF]/g;

const ATTRIBUTE_LABEL_STRING = 0x09_27;
const ATTRIBUTE_METRIC_SPECIFICATION = 0x09_3f;
const ATTRIBUTE_METRIC_STATE = 0x09_40;
const METRIC_OFF = 0x80_00;
/** Categories: automatic setting, manual setting, automatic alarm limit. */
const SETTINGS: ReadonlySet<number> = new Set([3, 4, 130]);
