import type { Quality } from "../reading.ts";

/** What an OPC-UA StatusCode says about a value. `usable` is false when there is none to be given on. */
export interface StatusMeaning {
  readonly usable: boolean;
  readonly quality: readonly Quality[];
}

/**
 * The meaning of an OPC-UA StatusCode (OPC 10000-4, StatusCode; codes in OPC 10000-6 annex A): Good is valid, Uncertain is
 * questionable, Bad has no value. Bad codes that say "there is nothing to measure with" are unavailable, the others invalid.
 */
export function meaningOf(statusCode: number): StatusMeaning {
  const code = (statusCode & 0xff_ff_00_00) >>> 0;
  switch (code >>> 30) {
    case 0:
      return { usable: true, quality: code === GOOD_LOCAL_OVERRIDE ? ["questionable"] : ["valid"] };
    case 1:
      return { usable: true, quality: ["questionable"] };
    default:
      return { usable: false, quality: ABSENT.has(code) ? ["unavailable"] : ["invalid"] };
  }
}

/** False when a server says by a StatusCode that it has not heard from the device behind it. */
export function isHeard(statusCode: number): boolean {
  return !UNHEARD.has((statusCode & 0xff_ff_00_00) >>> 0);
}

/** Somebody put a value in place of the measured one. */
const GOOD_LOCAL_OVERRIDE = 0x00_96_00_00;
const UNHEARD: ReadonlySet<number> = new Set([
  0x80_05_00_00, // BadCommunicationError
  0x80_0d_00_00, // BadServerNotConnected
  0x80_31_00_00, // BadNoCommunication
  0x80_32_00_00, // BadWaitingForInitialData
  0x80_8a_00_00, // BadNotConnected
]);
const ABSENT: ReadonlySet<number> = new Set([
  ...UNHEARD,
  0x80_8b_00_00, // BadDeviceFailure
  0x80_8c_00_00, // BadSensorFailure
  0x80_8d_00_00, // BadOutOfService
]);
