/** Bytes with a meaning of their own in slow MEDIBUS (90 28 258, "Table of used ASCII-Codes"). */
export const SOH = 0x01;
export const ETX = 0x03;
export const CR = 0x0d;
export const DC1 = 0x11;
export const DC3 = 0x13;
export const NAK = 0x15;
export const CAN = 0x18;
export const ESC = 0x1b;

/** The code of a command, which its response echoes. Alarms (23H, 27H, 2EH) are never asked for, so they have no name here. */
export const CODES = {
  corrupt: NAK,
  measured1: 0x24,
  lowLimits1: 0x25,
  highLimits1: 0x26,
  clock: 0x28,
  settings: 0x29,
  texts: 0x2a,
  measured2: 0x2b,
  lowLimits2: 0x2c,
  highLimits2: 0x2d,
  keepAlive: 0x30,
  timeChanged: 0x49,
  initialize: 0x51,
  identify: 0x52,
  realtimeOffer: 0x53,
  realtimeSelect: 0x54,
  realtimeChanged: 0x56,
} as const;

/** Bytes of the longest command and of the longest response, from ESC or SOH to CR. */
export const COMMAND_BYTES_MAX = 256;
export const RESPONSE_BYTES_MAX = 3845;

/** The value of one hex digit, or -1. */
export function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) {
    return code - 0x30;
  }
  const upper = code & ~0x20;
  return upper >= 0x41 && upper <= 0x46 ? upper - 0x37 : -1;
}

/** Two hex digits of a text as a number, or -1. Some devices send a leading zero as a space. */
export function hexByte(text: string, place: number): number {
  const first = text.charCodeAt(place);
  const high = first === 0x20 ? 0 : hexDigit(first);
  const low = hexDigit(text.charCodeAt(place + 1));
  return high < 0 || low < 0 ? -1 : 16 * high + low;
}

/** A number from 0 to 255 as two hex digits in upper case. */
export function hexText(value: number): string {
  return HEX[value] ?? "";
}

const HEX = Array.from({ length: 256 }, (_, value) =>
  value.toString(16).toUpperCase().padStart(2, "0"),
);
