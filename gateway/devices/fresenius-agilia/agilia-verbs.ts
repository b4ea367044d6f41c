import type { ReadVerb } from "../device.ts";

/**
 * All that may ever be sent. The checks here read the bytes back, checksum included, and know nothing of what encodes them.
 * PR (rate), PB (bolus), PO (pause), OF (off), MO (mode), RZ, RV, PV, PP, PF, PS (limits and resets), EP, EN (names), SI
 * (silence) and everything else change something and match none of them.
 */
export const VERBS: readonly ReadVerb[] = [
  message("connect", /^[0-8]?DC$/, "Opens a session for questions; the infusion is not touched."),
  message("ask-modules", /^0LE;b$/, "Asks the base which modules are on it."),
  message(
    "ask-values",
    /^[1-8]?LE;(?:drmae|d|r)$/,
    "Asks for rate, volume, mode, alarm and error as the pump has them.",
  ),
  message("ask-type", /^[1-8]?LF;b$/, "Asks what kind of pump this is."),
  message("ask-drug", /^[1-8]?LP$/, "Asks for the name of the drug that the pump shows."),
  message(
    "acknowledge-event",
    /^[0-8]?[EM]$/,
    "Tells the pump that what it sent by itself has arrived; it asks for nothing.",
  ),
  exactly("acknowledge", [0x06], "Tells the pump that its message has arrived."),
  exactly("refuse-damaged", [0x15, 0x32], "Tells the pump that its message arrived damaged."),
  exactly("keep-alive", [0x14], "Answers the pump's question whether somebody is there."),
];

const HEX = "0123456789ABCDEF";
const MESSAGE_BYTES_MAX = 16;

function message(verb: string, form: RegExp, doc: string): ReadVerb {
  return {
    verb,
    doc,
    matches(bytes) {
      const body = bodyOf(bytes);
      return body !== null && form.test(body);
    },
  };
}

function exactly(verb: string, wanted: readonly number[], doc: string): ReadVerb {
  return {
    verb,
    doc,
    matches: (bytes) =>
      bytes.length === wanted.length && bytes.every((byte, place) => byte === wanted[place]),
  };
}

/** What is between STX and the checksum, when both and ETX are as they must be. */
function bodyOf(bytes: Uint8Array): string | null {
  const last = bytes.length - 1;
  if (last < 4 || bytes.length > MESSAGE_BYTES_MAX || bytes[0] !== 2 || bytes[last] !== 3) {
    return null;
  }
  const body = bytes.subarray(1, last - 2);
  let left = 255;
  for (const byte of body) {
    left = (left - byte + 256) % 256;
  }
  const check = [HEX.charCodeAt(left >> 4), HEX.charCodeAt(left % 16)];
  return bytes[last - 2] === check[0] && bytes[last - 1] === check[1]
    ? new TextDecoder("latin1").decode(body)
    : null;
}
