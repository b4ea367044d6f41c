import type { ReadVerb } from "../device.ts";

/**
 * All that may ever be sent to a MEDIBUS device. Each verb reads the bytes back as the device would: start, code, argument,
 * checksum and CR, or the sync bytes one by one. Commands that are not here (stop, configure data response, alarms, trends, device
 * specific ones, infusion pumps) match none.
 */
export const VERBS: readonly ReadVerb[] = [
  command("initialize", 0x51, "Opens the conversation (ICC), as both sides must after a pause."),
  command("identify", 0x52, "Asks for name and revision of the device."),
  command("keep-alive", 0x30, "Says that the line is alive (NOP); the device only echoes it."),
  command("read-measured-1", 0x24, "Asks for the measured data of codepage 1."),
  command("read-measured-2", 0x2b, "Asks for the measured data of codepage 2."),
  command("read-settings", 0x29, "Asks what the device is set to; it sets nothing."),
  command("read-texts", 0x2a, "Asks for the text messages, which say the ventilation mode."),
  command("read-clock", 0x28, "Asks for date and time of the device."),
  command("read-low-limits-1", 0x25, "Asks for low alarm limits, codepage 1; it sets none."),
  command("read-high-limits-1", 0x26, "Asks for high alarm limits, codepage 1; it sets none."),
  command("read-low-limits-2", 0x2c, "Asks for low alarm limits, codepage 2; it sets none."),
  command("read-high-limits-2", 0x2d, "Asks for high alarm limits, codepage 2; it sets none."),
  command("read-realtime-offer", 0x53, "Asks which realtime curves the device has."),
  {
    verb: "select-waves",
    doc: "Says which of the offered realtime curves are wanted (54H), every sample; the device transmits nothing before they are enabled.",
    matches: isSelection,
  },
  {
    verb: "enable-waves",
    doc: "Turns the transmission of the selected curves on or off (sync commands C1-C3); it changes only what the device sends here.",
    matches: isEnabling,
  },
  {
    verb: "acknowledge",
    doc: "Answers a command of the device with its code and nothing else, as every command must be answered.",
    matches: isAcknowledgement,
  },
  {
    verb: "answer-identity",
    doc: "Tells the device that asks (52H) that this is a computer that only listens.",
    matches: (bytes) => hasOnly(slowFrame(bytes), 0x01, 0x52, "0161'Wardgate'01.00:06.00"),
  },
];

/** A command without argument. */
function command(verb: string, code: number, doc: string): ReadVerb {
  return { verb, doc, matches: (bytes) => hasOnly(slowFrame(bytes), 0x1b, code, "") };
}

interface SlowFrame {
  readonly start: number;
  readonly code: number;
  readonly text: string;
}

/** Start, code and text of one whole message with the right checksum, or null. */
function slowFrame(bytes: Uint8Array): SlowFrame | null {
  const end = bytes.length - 1;
  const [start = 0, code = 0] = bytes;
  if (end < 4 || bytes[end] !== 0x0d) {
    return null;
  }
  const body = bytes.subarray(0, end - 2);
  const sum = body.reduce((total, byte) => (total + byte) % 256, 0);
  const check = String.fromCharCode(bytes[end - 2] ?? 0, bytes[end - 1] ?? 0);
  const isGood = /^[0-9A-F]{2}$/.test(check) && Number.parseInt(check, 16) === sum;
  return isGood ? { start, code, text: String.fromCharCode(...body.subarray(2)) } : null;
}

function hasOnly(frame: SlowFrame | null, start: number, code: number, text: string): boolean {
  return frame !== null && frame.start === start && frame.code === code && frame.text === text;
}

/** 54H with 1-12 times two hex digits of a curve and the multiplier 01. */
function isSelection(bytes: Uint8Array): boolean {
  const frame = slowFrame(bytes);
  return (
    frame !== null &&
    frame.start === 0x1b &&
    frame.code === 0x54 &&
    /^(?:[0-9A-F]{2}01){1,12}$/.test(frame.text)
  );
}

/** D0, then C1 Cx, and C2 Cx C3 Cx or neither, then C0 C0: a record without values. */
function isEnabling(bytes: Uint8Array): boolean {
  const last = bytes.length - 2;
  const isFramed = bytes[0] === 0xd0 && bytes[last] === 0xc0 && bytes[last + 1] === 0xc0;
  const commands = bytes.subarray(1, last);
  return (
    isFramed &&
    (commands.length === 2 || commands.length === 6) &&
    commands.every((byte, place) =>
      place % 2 === 0 ? byte === 0xc1 + place / 2 : byte >= 0xc0 && byte <= 0xcf,
    )
  );
}

/** SOH, a code, nothing else. The code is that of a printable command, or NAK for one that came corrupt. */
function isAcknowledgement(bytes: Uint8Array): boolean {
  const frame = slowFrame(bytes);
  return (
    frame !== null &&
    frame.start === 0x01 &&
    frame.text === "" &&
    (frame.code === 0x15 || (frame.code >= 0x20 && frame.code <= 0x7f))
  );
}
