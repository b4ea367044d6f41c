import type { ReadVerb } from "../device.ts";

/**
 * All that this driver may ever say. Each verb is a pattern of the whole message in hexadecimal, written after the programming guide
 * and apart from what encodes the messages; `..` is a free byte. No pattern has room for a set, a get, a create, a delete or an action
 * other than the two polls.
 */
export const VERBS: readonly ReadVerb[] = [
  verb(
    "associate",
    "Asks the monitor for an association to read its data; nothing in it changes a setting of the monitor.",
    `0dec 0508 13010016010280 00 14020002 c1dc 3180a0808001010000a280a003000001
     a480 3080020101060452010001 3080060251010000 0000 3080020102060c2a8648ce14020100000001 01
     3080060c2a8648ce14020100000002 01 00000000 00006180308002 0101a0806080a180060c2a8648ce14020100000003
     010000be802880060c2a8648ce14020100000001 01 02010281 48
     80000000 40000000 00000000 80000000 20000000 00000000 0001002c 00010028
     80000000 00001f40 0000(03e8|0554) 000003e8 ffffffff 60000000 0001000c f0010008 8[08]000000 00000000
     00000000000000000000000000000000`,
  ),
  verb(
    "confirm-mds-create",
    "Answers the event with which the monitor begins, as the protocol demands; it carries no data.",
    "e1000002 0002 0014 .... 0001 000e 0021 .... .... ........ 0d06 0000",
  ),
  verb(
    "confirm-event",
    "Answers any other event that the monitor wants confirmed; it carries no data.",
    "e1000002 0002 0014 .... 0001 000e (?!0021.{16}0d06).... .... .... ........ .... 0000",
  ),
  verb(
    "poll-mds",
    "Asks once what the monitor says about itself: serial number, clock, mode of operation.",
    "e1000002 0001 001c .... 0007 0016 0021 0000 0000 00000000 0c16 0008 .... 0001 0021 (0000|080c)",
  ),
  verb(
    "poll-numerics",
    "Asks once for the values on the monitor.",
    "e1000002 0001 001c .... 0007 0016 0021 0000 0000 00000000 0c16 0008 .... 0001 0006 (0000|0803)",
  ),
  verb(
    "poll-numerics-extended",
    "Asks for the values on the monitor every second, for at most nine minutes.",
    "e1000002 0001 0028 .... 0007 0022 0021 0000 0000 00000000 f13b 0014 .... 0001 0006 0000 0001 0008 f13e 0004 00[0-3]. ....",
  ),
  verb(
    "poll-waves-extended",
    "Asks for the waves on the monitor as it chooses them, for at most nine minutes; the choice is left as it is.",
    "e1000002 0001 0028 .... 0007 0022 0021 0000 0000 00000000 f13b 0014 .... 0001 0009 0000 0001 0008 f13e 0004 00[0-3]. ....",
  ),
  verb(
    "release",
    "Ends the association in order; the monitor goes on as before.",
    "0918c116 61803080020101a08062808001 000000000000000000",
  ),
  verb(
    "abort",
    "Ends the association at once; the monitor goes on as before.",
    "192e1101 03c129a080a080308002010106025101 00000000 61803080020101a080648080010100 000000000000000000",
  ),
];

/** A verb of one pattern; digits and free digits (.) of whole bytes, blanks only for the reader. */
function verb(name: string, doc: string, pattern: string): ReadVerb {
  const form = new RegExp(`^${pattern.replaceAll(/\s+/g, "").replaceAll(".", "[0-9a-f]")}$`);
  return {
    verb: name,
    doc,
    matches: (bytes) => {
      const message = bytes[0] === BEGIN ? unframed(bytes) : bytes;
      return message !== null && message.length <= BYTES_MAX && form.test(hexOf(message));
    },
  };
}

const BEGIN = 0xc0;
const END = 0xc1;
const ESCAPE = 0x7d;
const BYTES_MAX = 300;

/** The message of one whole serial frame, proved by its length and check sequence; null otherwise. */
function unframed(bytes: Uint8Array): Uint8Array | null {
  const content: number[] = [];
  if (bytes.at(-1) !== END) {
    return null;
  }
  for (let place = 1; place < bytes.length - 1; place += 1) {
    const byte = bytes[place] ?? 0;
    if (byte === BEGIN || byte === END) {
      return null;
    }
    if (byte === ESCAPE) {
      place += 1;
      const escaped = (bytes[place] ?? 0) ^ 0x20;
      if (place === bytes.length - 1 || ![BEGIN, END, ESCAPE].includes(escaped)) {
        return null;
      }
      content.push(escaped);
    } else {
      content.push(byte);
    }
  }
  const [protocol, kind, high = 0, low = 0] = content;
  const length = 256 * high + low;
  const isFrame = protocol === 0x11 && kind === 0x01 && content.length === length + 6;
  return isFrame && isChecked(content) ? Uint8Array.from(content.slice(4, -2)) : null;
}

/** The check sequence bit by bit, as RFC 1662 defines it. */
function isChecked(content: readonly number[]): boolean {
  let register = 0xffff;
  for (const byte of content) {
    for (let bit = 0; bit < 8; bit += 1) {
      const isOdd = ((register ^ (byte >> bit)) & 1) === 1;
      register = (register >> 1) ^ (isOdd ? 0x8408 : 0);
    }
  }
  return register === 0xf0b8;
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
