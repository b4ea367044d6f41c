import { attribute, list, u16, u32 } from "./encode.ts";
import { Octets } from "./octets.ts";
import { readAttributes } from "./poll-reply.ts";

/**
 * Association Control: the OSI session and presentation layers in the fixed form that the programming guide prints, around
 * the one structure that matters, MDSEUserInfoStd: what the client can do, and what the monitor grants of it.
 */

/** What the client asks for. */
export interface AssociationWish {
  /** In 1/8 ms. The monitor drops an association that says nothing for 10 s (poll periods below 3.3 s). */
  readonly minPollTicks: number;
  /** Bytes of a message that the client takes. */
  readonly receiveBytesMax: number;
  readonly sendBytesMax: number;
  /** Options of the poll profile extensions, see `OPTION_...`. */
  readonly options: number;
}

/** What the monitor grants; null where its answer does not say. */
export interface Acceptance {
  readonly minPollTicks: number | null;
  readonly options: number | null;
}

/** Numerics of the last second, not averages. */
export const OPTION_NUMERICS_1S = 0x80_00_00_00;
export const OPTION_WAVES = 0x08_00_00_00;

export function associationRequest(wish: AssociationWish): Uint8Array {
  const user = userInfo(wish, SYSTEM_CLIENT);
  const presentation = [...REQUEST_HEAD, user.length, ...user, ...TRAILER];
  const content = [...SESSION, ...header(0xc1, presentation.length), ...presentation];
  return Uint8Array.from([...header(0x0d, content.length), ...content]);
}

/** What a monitor answers. Here for the simulated one and for tests. */
export function associationAcceptance(granted: AssociationWish): Uint8Array {
  const user = userInfo(granted, SYSTEM_SERVER);
  const presentation = [...ACCEPT_HEAD, user.length, ...user, ...TRAILER];
  const content = [...SESSION, ...header(0xc1, presentation.length), ...presentation];
  return Uint8Array.from([...header(0x0e, content.length), ...content]);
}

/** The client ends the association in order. */
export const RELEASE_REQUEST = Uint8Array.from([
  0x09, 0x18, 0xc1, 0x16, 0x61, 0x80, 0x30, 0x80, 0x02, 0x01, 0x01, 0xa0, 0x80, 0x62, 0x80, 0x80,
  0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
]);

/** Either side ends the association at once. */
export const ABORT = Uint8Array.from([
  0x19, 0x2e, 0x11, 0x01, 0x03, 0xc1, 0x29, 0xa0, 0x80, 0xa0, 0x80, 0x30, 0x80, 0x02, 0x01, 0x01,
  0x06, 0x02, 0x51, 0x01, 0x00, 0x00, 0x00, 0x00, 0x61, 0x80, 0x30, 0x80, 0x02, 0x01, 0x01, 0xa0,
  0x80, 0x64, 0x80, 0x80, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
]);

/**
 * Reads what an acceptance grants (or a request asks for: the user information is of the same form). What cannot be found
 * there is null; the association stands all the same.
 */
export function readAcceptance(content: Uint8Array): Acceptance {
  const profile = attributeIn(readUserProfiles(content), ATTRIBUTE_POLL_PROFILE);
  if (profile === undefined) {
    return { minPollTicks: null, options: null };
  }
  profile.u32();
  const minPollTicks = profile.u32();
  profile.part(16);
  const extensions = attributeIn(readAttributes(profile), ATTRIBUTE_POLL_PROFILE_EXTENSIONS);
  return { minPollTicks, options: extensions?.u32() ?? null };
}

const ATTRIBUTE_POLL_PROFILE = 0x00_01;
const ATTRIBUTE_POLL_PROFILE_EXTENSIONS = 0xf0_01;
const VERSION_1 = 0x80_00_00_00;
const NOMENCLATURE_1 = 0x40_00_00_00;
const SYSTEM_CLIENT = 0x80_00_00_00;
const SYSTEM_SERVER = 0x00_80_00_00;
const START_COLD = 0x20_00_00_00;
const PROFILE_REVISION_0 = 0x80_00_00_00;
/** The number of objects may change while the association lasts. */
const DYNAMIC_OBJECTS = 0x60_00_00_00;
const BANDWIDTH_UNKNOWN = 0xff_ff_ff_ff;

function userInfo(wish: AssociationWish, system: number): number[] {
  const extensions = [...u32(wish.options), ...list([])];
  const profile = [
    ...u32(PROFILE_REVISION_0),
    ...u32(wish.minPollTicks),
    ...u32(wish.receiveBytesMax),
    ...u32(wish.sendBytesMax),
    ...u32(BANDWIDTH_UNKNOWN),
    ...u32(DYNAMIC_OBJECTS),
    ...list([attribute(ATTRIBUTE_POLL_PROFILE_EXTENSIONS, extensions)]),
  ];
  return [
    ...u32(VERSION_1),
    ...u32(NOMENCLATURE_1),
    ...u32(0),
    ...u32(system),
    ...u32(START_COLD),
    ...list([]),
    ...list([attribute(ATTRIBUTE_POLL_PROFILE, profile)]),
  ];
}

/** The profiles in the user information, which follows the marks BE 80 28 80 ... 81 and its own length. */
function readUserProfiles(content: Uint8Array): ReturnType<typeof readAttributes> {
  for (let place = 0; place + USER_MARK.length < content.length; place += 1) {
    if (USER_MARK.every((byte, index) => content[place + index] === byte)) {
      const octets = new Octets(content, place + USER_MARK.length);
      // The context identifier in between may be left out, and object identifiers may stand there.
      for (let tag = octets.u8(); tag !== USER_TAG && octets.left > 0; tag = octets.u8()) {
        octets.part(octets.u8());
      }
      const length = octets.u8();
      const user = octets.part(length < 0x80 ? length : lengthOf(octets, length & 0x7f));
      user.part(20);
      readAttributes(user);
      return readAttributes(user);
    }
  }
  return null;
}

const USER_MARK = [0xbe, 0x80, 0x28, 0x80] as const;
const USER_TAG = 0x81;

/** A length in ASN.1's long form: of that many bytes. */
function lengthOf(octets: Octets, bytes: number): number {
  let length = 0;
  for (let place = 0; place < bytes && length < 0x1_00_00; place += 1) {
    length = 0x1_00 * length + octets.u8();
  }
  return length;
}

function attributeIn(
  attributes: ReturnType<typeof readAttributes>,
  id: number,
): Octets | undefined {
  return attributes?.find((found) => found.id === id)?.value;
}

function header(tag: number, length: number): number[] {
  return length < 0xff ? [tag, length] : [tag, 0xff, ...u16(length)];
}

/** Connect/accept item: protocol options and version 2; session user requirement: duplex. */
const SESSION = hex("05 08 13 01 00 16 01 02 80 00 14 02 00 02");
/** Two presentation contexts (association control, Data Export), the association request with its application context. */
const REQUEST_HEAD = hex(`
  31 80 a0 80 80 01 01 00 00 a2 80 a0 03 00 00 01 a4 80 30 80 02 01 01 06 04 52 01 00 01 30 80 06
  02 51 01 00 00 00 00 30 80 02 01 02 06 0c 2a 86 48 ce 14 02 01 00 00 00 01 01 30 80 06 0c 2a 86
  48 ce 14 02 01 00 00 00 02 01 00 00 00 00 00 00 61 80 30 80 02 01 01 a0 80 60 80 a1 80 06 0c 2a
  86 48 ce 14 02 01 00 00 00 03 01 00 00 be 80 28 80 06 0c 2a 86 48 ce 14 02 01 00 00 00 01 01 02
  01 02 81`);
const ACCEPT_HEAD = hex(`
  31 80 a0 80 80 01 01 00 00 a2 80 a0 03 00 00 01 a5 80 30 80 80 01 00 81 02 51 01 00 00 30 80 80
  01 00 81 0c 2a 86 48 ce 14 02 01 00 00 00 02 01 00 00 00 00 61 80 30 80 02 01 01 a0 80 61 80 a1
  80 06 0c 2a 86 48 ce 14 02 01 00 00 00 03 01 00 00 a2 03 02 01 00 a3 05 a1 03 02 01 00 be 80 28
  80 02 01 02 81`);
/** The ends of all structures of indefinite length. */
const TRAILER: readonly number[] = Array.from({ length: 16 }, () => 0);

function hex(text: string): readonly number[] {
  return text
    .trim()
    .split(/\s+/)
    .map((byte) => Number.parseInt(byte, 16));
}
