import type { Measured, MeasuredWave, Output } from "../device.ts";
import { DeviceClock, readAbsoluteTime } from "./device-clock.ts";
import { STATE_DEMO } from "./measurement-state.ts";
import type { EventReport, Reply } from "./message.ts";
import { isMdsCreate } from "./message.ts";
import type { MetricNote } from "./metric-notes.ts";
import { MetricNotes } from "./metric-notes.ts";
import type { PollContext } from "./numerics.ts";
import { numericsOf, pollTime } from "./numerics.ts";
import type { Octets } from "./octets.ts";
import type { Attribute } from "./poll-reply.ts";
import { CLASS_MDS, CLASS_NUMERIC, CLASS_WAVE, readAttributes, readList } from "./poll-reply.ts";
import { Waves } from "./waves.ts";

/**
 * What a monitor's results and events mean. Alert monitors and patient demographics are passed over: Wardgate forwards no alarms
 * and wants no names.
 */
export class MonitorData {
  #clock = new DeviceClock();
  #notes = new MetricNotes();
  readonly #waves = new Waves();
  readonly #serialNeeds: number;
  #state = 0;
  #serial = "";
  #serialSeen = { serial: "", times: 0 };
  #part: { readonly invoke: number; readonly part: number } | null = null;

  /** `isChecked`: every message was proved whole by a check sequence, so that a serial number counts when it came once. */
  constructor(isChecked: boolean) {
    this.#serialNeeds = isChecked ? 1 : 2;
  }

  /**
   * The monitor tells about itself when an association begins. It may have been off, and its handles may stand for other objects
   * now: what was known about them counts no more.
   */
  event(report: EventReport): Output[] {
    if (!isMdsCreate(report)) {
      return [];
    }
    this.#clock = new DeviceClock();
    this.#notes = new MetricNotes();
    this.#waves.forget();
    this.#state = 0;
    report.info.part(OBJECT_BYTES);
    return this.#takeMds(readAttributes(report.info) ?? []);
  }

  reply({ invoke, part, poll }: Reply): Output[] {
    const outputs = this.#checkParts(invoke, part);
    const context: PollContext = { clock: this.#clock, poll, state: this.#state };
    const readings: Measured[] = [];
    const waves: MeasuredWave[] = [];
    for (const object of poll.objects) {
      if (poll.objectClass === CLASS_MDS) {
        outputs.push(...this.#takeMds(object.attributes));
      } else if (poll.objectClass === CLASS_NUMERIC || poll.objectClass === CLASS_WAVE) {
        const { note, isRelabelled } = this.#notes.take(object);
        if (isRelabelled) {
          readings.push(labelOf(note, context));
        }
        if (poll.objectClass === CLASS_NUMERIC) {
          readings.push(...numericsOf(object, note, context));
        } else {
          waves.push(...this.#waves.take(object, note, context));
        }
      }
    }
    return readings.length + waves.length === 0
      ? outputs
      : [...outputs, { kind: "frame", readings, waves }];
  }

  /** Parts of one result are numbered from 1; a number left out is a part that was lost. */
  #checkParts(invoke: number, part: number | null): Output[] {
    const before = this.#part;
    this.#part = part === null ? null : { invoke, part };
    if (before === null || part === null || before.invoke !== invoke || part <= before.part + 1) {
      return [];
    }
    const text = "a part of a result is missing";
    return [{ kind: "fault", fault: "truncated", bytes: 0, text }];
  }

  #takeMds(attributes: readonly Attribute[]): Output[] {
    const outputs: Output[] = [];
    let absolute: number | null = null;
    let relative: number | null = null;
    for (const { id, value } of attributes) {
      if (id === ATTRIBUTE_TIME_ABSOLUTE) {
        absolute = readAbsoluteTime(value);
      } else if (id === ATTRIBUTE_TIME_RELATIVE) {
        relative = value.u32();
      } else if (id === ATTRIBUTE_OPERATING_MODE) {
        this.#state = (value.u16() & MODE_DEMO) === 0 ? 0 : STATE_DEMO;
      } else if (id === ATTRIBUTE_PRODUCTION) {
        outputs.push(...this.#takeSerial(readSerial(value)));
      }
    }
    if (relative !== null) {
      this.#clock.set(absolute, relative);
    }
    return outputs;
  }

  #takeSerial(serial: string): Output[] {
    const isAgain = serial === this.#serialSeen.serial;
    this.#serialSeen = { serial, times: isAgain ? this.#serialSeen.times + 1 : 1 };
    if (serial === "" || serial === this.#serial || this.#serialSeen.times < this.#serialNeeds) {
      return [];
    }
    this.#serial = serial;
    return [{ kind: "identity", serial }];
  }
}

/** The name of an object on the monitor's screen, told when it is new: what a private code stands for at this bed. */
function labelOf({ label, path }: MetricNote, context: PollContext): Measured {
  return {
    code: "PHILIPS_LABEL",
    mdc: null,
    value: label,
    text: label,
    unit: "1",
    quality: ["valid"],
    path,
    deviceAt: pollTime(context),
  };
}

/** The serial number of the whole product in a production specification; "" when it is not there. */
function readSerial(octets: Octets): string {
  let serial = "";
  readList(octets, (list) => {
    const kind = list.u16();
    const component = list.u16();
    const text = list.part(list.u16());
    if (kind === KIND_SERIAL_NUMBER && component === COMPONENT_PRODUCT) {
      serial = asciiOf(text);
    }
    return !list.short;
  });
  return serial;
}

function asciiOf(octets: Octets): string {
  const text = String.fromCharCode(...octets.rest().subarray(0, SERIAL_CHARACTERS_MAX));
  return /^[\x20-\x7e]*$/.test(text.replaceAll("\0", "")) ? text.replaceAll("\0", "").trim() : "";
}

const OBJECT_BYTES = 6;
const SERIAL_CHARACTERS_MAX = 32;
const KIND_SERIAL_NUMBER = 1;
const COMPONENT_PRODUCT = 8;

const ATTRIBUTE_PRODUCTION = 0x09_2d;
const ATTRIBUTE_OPERATING_MODE = 0x09_46;
const ATTRIBUTE_TIME_ABSOLUTE = 0x09_87;
const ATTRIBUTE_TIME_RELATIVE = 0x09_8f;
/** The monitor shows made-up patient data. */
const MODE_DEMO = 0x20_00;
