/** The checksums that devices put behind a line of text, as hex digits. */
export const CHECKSUM_KINDS = [
  "sum8",
  "sum8-negated",
  "sum16",
  "xor8",
  "crc16-modbus",
  "crc16-arc",
  "crc16-ccitt-false",
  "crc16-xmodem",
  "crc16-kermit",
  "crc16-x25",
] as const;
export type ChecksumKind = (typeof CHECKSUM_KINDS)[number];

/** Where a line carries its checksum: at its end, as `covered text`, `before`, hex digits, `after`. */
export interface LineChecksum {
  readonly kind: ChecksumKind;
  /** Characters at the start of the line that are not covered; the start character counts. */
  readonly skip: number;
  /** Text between what the fields are read from and the digits. */
  readonly before: string;
  readonly coversBefore: boolean;
  readonly after: string;
  /** Which of two bytes is written first. */
  readonly order: "high-first" | "low-first";
}

/** The line without its checksum; or why it cannot be used. */
export function checkedText(
  line: string,
  { kind, skip, before, coversBefore, after, order }: LineChecksum,
): { readonly text: string } | { readonly fault: "checksum" | "framing"; readonly why: string } {
  const digits = bytesOf(kind) * 2;
  const end = line.length - after.length;
  const text = line.slice(0, Math.max(0, end - digits - before.length));
  const hex = line.slice(Math.max(0, end - digits), end);
  if (
    !line.endsWith(`${before}${hex}${after}`) ||
    !/^[0-9A-Fa-f]+$/.test(hex) ||
    hex.length < digits
  ) {
    return { fault: "framing", why: "a line without its checksum" };
  }
  const covered = coversBefore ? `${text}${before}` : text;
  const wanted = order === "high-first" ? hex : hex.slice(2) + hex.slice(0, 2);
  return checksumOf(kind, covered.slice(skip)) === Number.parseInt(wanted, 16)
    ? { text }
    : { fault: "checksum", why: "a line whose checksum is wrong" };
}

/** Bytes of a checksum: two hex digits each. */
export function bytesOf(kind: ChecksumKind): 1 | 2 {
  return kind === "xor8" || kind.startsWith("sum8") ? 1 : 2;
}

/** The checksum of Latin-1 text. */
export function checksumOf(kind: ChecksumKind, text: string): number {
  switch (kind) {
    case "sum8":
      return sumOf(text) & 0xff;
    case "sum8-negated":
      return -sumOf(text) & 0xff;
    case "sum16":
      return sumOf(text) & 0xff_ff;
    case "xor8": {
      let sum = 0;
      for (let place = 0; place < text.length; place += 1) {
        sum ^= text.charCodeAt(place);
      }
      return sum;
    }
    default:
      return crcOf(text, CRCS[kind]);
  }
}

function sumOf(text: string): number {
  let sum = 0;
  for (let place = 0; place < text.length; place += 1) {
    sum += text.charCodeAt(place);
  }
  return sum;
}

/** A CRC of 16 bits as its usual parameters. A reflected one has the polynomial with its bits in reverse. */
interface Crc {
  readonly table: Uint16Array;
  readonly isReflected: boolean;
  readonly start: number;
  readonly finalXor: number;
}

function crcOf(text: string, { table, isReflected, start, finalXor }: Crc): number {
  let crc = start;
  for (let place = 0; place < text.length; place += 1) {
    const byte = text.charCodeAt(place);
    crc = isReflected
      ? (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0)
      : ((crc << 8) & 0xff_ff) ^ (table[(crc >>> 8) ^ byte] ?? 0);
  }
  return crc ^ finalXor;
}

function reflected(polynomial: number): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc >>> 1) ^ ((crc & 1) * polynomial);
    }
    return crc;
  });
}

function straight(polynomial: number): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = ((crc << 1) & 0xff_ff) ^ ((crc >>> 15) * polynomial);
    }
    return crc;
  });
}

const IBM = reflected(0xa0_01);
const CCITT_REFLECTED = reflected(0x84_08);
const CCITT = straight(0x10_21);
const CRCS: Readonly<Record<Extract<ChecksumKind, `crc${string}`>, Crc>> = {
  "crc16-modbus": { table: IBM, isReflected: true, start: 0xff_ff, finalXor: 0 },
  "crc16-arc": { table: IBM, isReflected: true, start: 0, finalXor: 0 },
  "crc16-ccitt-false": { table: CCITT, isReflected: false, start: 0xff_ff, finalXor: 0 },
  "crc16-xmodem": { table: CCITT, isReflected: false, start: 0, finalXor: 0 },
  "crc16-kermit": { table: CCITT_REFLECTED, isReflected: true, start: 0, finalXor: 0 },
  "crc16-x25": { table: CCITT_REFLECTED, isReflected: true, start: 0xff_ff, finalXor: 0xff_ff },
};
