import type { Measured } from "../device.ts";
import { readAbsoluteTime } from "./device-clock.ts";
import type { DeviceClock } from "./device-clock.ts";
import { floatText, readFloat } from "./float-type.ts";
import { hasValue, qualityOf, STATE_OFF } from "./measurement-state.ts";
import type { MetricNote } from "./metric-notes.ts";
import type { Octets } from "./octets.ts";
import { physioCode, settingCode } from "./physio.ts";
import type { PolledObject, PollReply } from "./poll-reply.ts";
import { readList } from "./poll-reply.ts";
import { unitOf } from "./units.ts";

/** What a poll knows about the time and the state of all its values. */
export interface PollContext {
  readonly clock: DeviceClock;
  readonly poll: PollReply;
  /** State bits that every value of this monitor has (demonstration mode). */
  readonly state: number;
}

/** The values of a numeric object: one, several of a compound, or none while it measures nothing. */
export function numericsOf(
  object: PolledObject,
  note: MetricNote,
  context: PollContext,
): Measured[] {
  const values: NumericValue[] = [];
  let measuredAt: number | null = null;
  for (const { id, value } of object.attributes) {
    switch (id) {
      case ATTRIBUTE_VALUE:
        addValue(value, 0, values);
        break;
      case ATTRIBUTE_COMPOUND_VALUE:
        readList(value, (list) => addValue(list, values.length + 1, values));
        break;
      case ATTRIBUTE_TIME_ABSOLUTE:
        measuredAt = readAbsoluteTime(value);
        break;
      case ATTRIBUTE_TIME_RELATIVE:
        measuredAt ??= context.clock.at(value.u32());
        break;
      default:
        break;
    }
  }
  const deviceAt = measuredAt ?? pollTime(context);
  const state = context.state | (note.isOff ? STATE_OFF : 0);
  return values.map((value) => measuredOf(note, value, state, deviceAt));
}

/** When a poll's values were taken, on the monitor's clock. */
export function pollTime({ clock, poll }: PollContext): number | null {
  return poll.absoluteTime ?? clock.at(poll.relativeTime);
}

interface NumericValue {
  /** 0 alone, or from 1 in a compound. */
  readonly place: number;
  readonly physio: number;
  readonly state: number;
  readonly unit: number;
  readonly float: number;
}

function addValue(octets: Octets, place: number, values: NumericValue[]): boolean {
  const physio = octets.u16();
  const state = octets.u16();
  const unit = octets.u16();
  const float = octets.u32();
  if (!octets.short) {
    values.push({ place, physio, state, unit, float });
  }
  return !octets.short;
}

function measuredOf(
  note: MetricNote,
  value: NumericValue,
  commonState: number,
  deviceAt: number | null,
): Measured {
  const { code, mdc } = note.isSetting ? settingCode(value.physio) : physioCode(value.physio);
  const unit = unitOf(value.unit);
  const path = value.place === 0 ? note.path : `${note.path}.${value.place}`;
  const state = value.state | commonState;
  const number = readFloat(value.float);
  if (hasValue(state) && number.kind === "number") {
    const text = floatText(number.mantissa, number.exponent);
    const quality = qualityOf(state);
    return { code, mdc, value: Number(text), text, unit, quality, path, deviceAt };
  }
  const missing = hasValue(state) ? (number.kind === "infinite" ? STATE_INVALID : STATE_OFF) : 0;
  const quality = qualityOf(state | missing);
  return { code, mdc, value: null, text: "", unit, quality, path, deviceAt };
}

const STATE_INVALID = 0x80_00;

const ATTRIBUTE_COMPOUND_VALUE = 0x09_4b;
const ATTRIBUTE_VALUE = 0x09_50;
/** When an aperiodic value (non-invasive pressure, ST) was measured. */
const ATTRIBUTE_TIME_ABSOLUTE = 0x09_90;
const ATTRIBUTE_TIME_RELATIVE = 0x09_91;
