import { CR, ESC, hexText, SOH } from "./bytes.ts";

/** ESC, code, argument, checksum, CR. */
export function commandOf(code: number, argument = ""): Uint8Array {
  return framed(ESC, code, argument);
}

/** SOH, the code that is answered, data, checksum, CR. */
export function responseOf(code: number, data = ""): Uint8Array {
  return framed(SOH, code, data);
}

/** A sync command without values that says which of the streams 1-12 the device is to transmit; bit 0 is stream 1. */
export function enableOf(streams: number): Uint8Array {
  const bytes = [0xd0, 0xc1, 0xc0 | (streams & 0x0f)];
  if (streams > 0x0f) {
    bytes.push(0xc2, 0xc0 | ((streams >> 4) & 0x0f), 0xc3, 0xc0 | ((streams >> 8) & 0x0f));
  }
  return Uint8Array.from([...bytes, 0xc0, 0xc0]);
}

function framed(start: number, code: number, text: string): Uint8Array {
  const bytes = new Uint8Array(FRAME_BYTES + text.length);
  bytes[0] = start;
  bytes[1] = code;
  let sum = start + code;
  for (let place = 0; place < text.length; place += 1) {
    const byte = text.charCodeAt(place);
    bytes[HEAD_BYTES + place] = byte;
    sum += byte;
  }
  const check = hexText(sum & 0xff);
  bytes.set([check.charCodeAt(0), check.charCodeAt(1), CR], HEAD_BYTES + text.length);
  return bytes;
}

const HEAD_BYTES = 2;
/** Start, code, two of checksum, CR. */
const FRAME_BYTES = 5;
