import { HEADER_BYTES } from "./dri-frames.ts";

/** What the header of a record says, and where its subrecords are. */
export interface DriHeader {
  /** The edition of the interface that the monitor speaks: 2 is '95, 11 is '15. */
  readonly level: number;
  /** The monitor's clock, seconds since 1970; 0 when it has none. */
  readonly time: number;
  readonly mainType: number;
  readonly subrecords: readonly Subrecord[];
}

/** One subrecord: its type, and the bytes of the record that are its own. */
export interface Subrecord {
  readonly type: number;
  readonly from: number;
  readonly to: number;
}

export const MAIN_PHYSIOLOGY = 0;
export const MAIN_WAVE = 1;
/** Type 0 of either main type asks for data: a request of a host. */
export const TYPE_REQUEST = 0;

/** Reads the header of a record; null when its subrecords do not lie in it, one after the other. */
export function headerOf(record: DataView): DriHeader | null {
  const starts: { readonly type: number; readonly from: number }[] = [];
  for (let place = 0; place < SUBRECORDS_MAX; place += 1) {
    const at = FIRST_SUBRECORD + place * SUBRECORD_BYTES;
    const type = record.getUint8(at + 2);
    if (type === NO_MORE_SUBRECORDS) {
      break;
    }
    starts.push({ type, from: HEADER_BYTES + record.getInt16(at, true) });
  }
  const subrecords = starts.map(({ type, from }, place) => ({
    type,
    from,
    to: starts[place + 1]?.from ?? record.byteLength,
  }));
  const isOrdered = subrecords.every(
    ({ from, to }) => from >= HEADER_BYTES && from <= to && to <= record.byteLength,
  );
  return isOrdered
    ? {
        level: record.getUint8(3),
        time: record.getUint32(6, true),
        mainType: record.getInt16(14, true),
        subrecords,
      }
    : null;
}

const SUBRECORDS_MAX = 8;
const FIRST_SUBRECORD = 16;
const SUBRECORD_BYTES = 3;
const NO_MORE_SUBRECORDS = 0xff;
