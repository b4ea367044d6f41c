/** A subrecord of a simulated record. */
export interface SimulatedSubrecord {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** One record in its frame, as a monitor sends it. Also used for test captures. */
export function recordFrame(
  mainType: number,
  subrecords: readonly SimulatedSubrecord[],
  clock: { readonly seconds: number; readonly level?: number },
): Uint8Array {
  const size = 40 + subrecords.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const record = new Uint8Array(size);
  const view = new DataView(record.buffer);
  view.setInt16(0, size, true);
  view.setUint8(3, clock.level ?? 11);
  view.setUint32(6, clock.seconds, true);
  view.setInt16(14, mainType, true);
  let at = 40;
  subrecords.forEach(({ type, bytes }, place) => {
    view.setInt16(16 + 3 * place, at - 40, true);
    view.setUint8(18 + 3 * place, type);
    record.set(bytes, at);
    at += bytes.length;
  });
  if (subrecords.length < 8) {
    view.setUint8(18 + 3 * subrecords.length, 0xff);
  }
  const check = record.reduce((sum, byte) => sum + byte, 0) % 256;
  const frame = [0x7e];
  for (const byte of [...record, check]) {
    frame.push(...(byte === 0x7e ? [0x7d, 0x5e] : byte === 0x7d ? [0x7d, 0x5d] : [byte]));
  }
  return Uint8Array.from([...frame, 0x7e]);
}

/** A group: where it is in its class, its status and label, and its values; null is "invalid data". */
export interface SimulatedGroup {
  readonly at: number;
  readonly status?: number;
  readonly label?: number;
  readonly values: readonly (number | null)[];
  /** The values start at once, without status and label. */
  readonly bare?: boolean;
}

/** One class of physiological data. What no group fills is invalid, and its modules are not there. */
export function classOf(
  which: number,
  seconds: number,
  groups: readonly SimulatedGroup[],
): Uint8Array {
  const bytes = new Uint8Array(278);
  const view = new DataView(bytes.buffer);
  for (let at = 4; at < 274; at += 2) {
    view.setInt16(at, DATA_INVALID, true);
  }
  view.setUint32(0, seconds, true);
  for (const header of HEADERS[which] ?? []) {
    view.setUint32(4 + header, 0, true);
    view.setUint16(8 + header, 0, true);
  }
  for (const { at, status = EXISTS_AND_ACTIVE, label = 0, values, bare = false } of groups) {
    if (!bare) {
      view.setUint32(4 + at, status, true);
      view.setUint16(8 + at, label, true);
    }
    values.forEach((value, place) => {
      view.setInt16(4 + at + (bare ? 0 : 6) + 2 * place, value ?? DATA_INVALID, true);
    });
  }
  view.setUint16(274, 0, true);
  view.setUint16(276, which << 8, true);
  return bytes;
}

/** A block of samples with its header; null is "no measurement". */
export function waveBytes(samples: readonly (number | null)[], status = 0): Uint8Array {
  const bytes = new Uint8Array(6 + 2 * samples.length);
  const view = new DataView(bytes.buffer);
  view.setInt16(0, samples.length, true);
  view.setUint16(2, status, true);
  samples.forEach((sample, place) => {
    view.setInt16(6 + 2 * place, sample ?? DATA_INVALID, true);
  });
  return bytes;
}

const DATA_INVALID = -32767;
const EXISTS_AND_ACTIVE = 0x03;
/** Where the groups of each class have their headers. */
const HEADERS: readonly (readonly number[])[] = [
  [0, 16, 30, 44, 58, 72, 86, 94, 102, 110, 118, 132, 146, 156, 166, 178, 200, 214, 232, 240, 254],
  [0, 48, 78, 92, 106, 120, 128],
  [0, 24, 96, 112, 198, 230],
  [0, 14, 60, 70, 92, 116, 126, 134, 142],
];
