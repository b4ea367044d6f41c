/** One packet. */
export interface ContecPacket {
  /** 0-127. */
  readonly pleth: number;
  /** Set while the device beeps for a beat. */
  readonly isBeat: boolean;
  /** All that the values of the packet depend on as one number, so that packets are quickly compared. */
  readonly state: number;
}

/** What a state means. */
export interface ContecValues {
  /** Per cent, or null. */
  readonly spo2: number | null;
  /** Beats a minute, or null. */
  readonly rate: number | null;
  /** There is a finger, the probe is good and a pulse was found. */
  readonly isMeasuring: boolean;
}

export const PACKET_BYTES = 5;

/** Reads five bytes of which only the first has bit 7. */
export function packetOf(bytes: Uint8Array): ContecPacket {
  const [first = 0, pleth = 0, third = 0, rateLow = 0, spo2 = 0] = bytes;
  const flags = (first & NO_FINGER) | ((third & (PROBE_ERROR | SEARCHING)) << FLAGS_SHIFT);
  const rate = ((third & RATE_BIT_7) << 1) | rateLow;
  return { pleth, isBeat: (first & BEEP) !== 0, state: (flags << 16) | (rate << 8) | spo2 };
}

/** The values of a state; "no value" where a flag or the number itself says so. */
export function valuesOf(state: number): ContecValues {
  const isMeasuring = state >> 16 === 0;
  const spo2 = state & 0xff;
  const rate = (state >> 8) & 0xff;
  return {
    spo2: isMeasuring && spo2 >= 1 && spo2 <= SPO2_MAX ? spo2 : null,
    rate: isMeasuring && rate >= 1 && rate < RATE_NONE ? rate : null,
    isMeasuring,
  };
}

/** First byte. The protocol calls bit 4 "searching too long": there is no finger. */
const NO_FINGER = 0x10;
const BEEP = 0x40;
/** Third byte. */
const PROBE_ERROR = 0x10;
const SEARCHING = 0x20;
const RATE_BIT_7 = 0x40;
/** Moves the flags of the third byte beside that of the first. */
const FLAGS_SHIFT = 1;

/** More is no saturation; without a finger the device sends 0 or 127. */
const SPO2_MAX = 100;
const RATE_NONE = 0xff;
