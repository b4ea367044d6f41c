import { WardError } from "../errors.ts";

/** What a TPM has answered instead of doing what it was told (TPM 2.0 Library, Part 2, section 6.6). */
export class TpmError extends WardError {
  /** The response code without the number of the parameter, handle or session that it is about. */
  readonly reason: number;
  /** It is about what it was given, and would be the same the next time. */
  readonly isForGood: boolean;

  constructor(code: number) {
    const isAboutPart = (code & FORMAT_ONE) !== 0;
    const reason = isAboutPart ? code & FORMAT_ONE_REASON : code;
    const words = REASONS.get(reason) ?? "see tpm2_rc_decode";
    super("WARD_TPM", `Cannot use the TPM: it answers 0x${code.toString(16)} (${words}).`);
    this.reason = reason;
    this.isForGood = isAboutPart;
  }
}

/** The object or NV index that was named is not there. */
export const RC_HANDLE = 0x8b;
/** A sealed object was made by another TPM, or under another parent. */
export const RC_INTEGRITY = 0x9f;
/** The platform is not in the state that the object is bound to. */
export const RC_POLICY_FAIL = 0x9d;

/** One command that waits to be sent. */
export interface TpmCommand {
  readonly code: number;
  readonly handles?: readonly number[];
  /** Who authorises each handle that asks for it: empty passwords, or a policy session. Bytes are a session as it is sent. */
  readonly sessions?: readonly (number | Uint8Array)[];
  readonly parameters?: Uint8Array;
  /** How many handles the answer begins with. */
  readonly handlesBack?: 0 | 1;
}

export interface TpmAnswer {
  readonly handle: number;
  readonly parameters: TpmReader;
  /** What comes back of the sessions. */
  readonly sessions: TpmReader;
}

/** The bytes of a command (Part 1, section 18). */
export function writeCommand({
  code,
  handles = [],
  sessions = [],
  parameters,
}: TpmCommand): Buffer {
  // Nonce and authorisation are empty; a policy session ends with the command.
  const area = Buffer.concat(
    sessions.map((session) =>
      typeof session === "number" ? Buffer.concat([u32(session), Buffer.alloc(5)]) : session,
    ),
  );
  const body = Buffer.concat([
    ...handles.map(u32),
    ...(sessions.length === 0 ? [] : [u32(area.length), area]),
    parameters ?? Buffer.alloc(0),
  ]);
  const tag = sessions.length === 0 ? TAG_PLAIN : TAG_SESSIONS;
  return Buffer.concat([u16(tag), u32(HEADER_BYTES + body.length), u32(code), body]);
}

/** Takes an answer apart. Throws TpmError, or WardError `WARD_TPM` for what is no answer. */
export function readAnswer(bytes: Buffer, command: TpmCommand): TpmAnswer {
  const reader = new TpmReader(bytes);
  const tag = reader.u16();
  if (reader.u32() !== bytes.length) {
    throw new WardError("WARD_TPM", "Cannot use the TPM: its answer is cut off.");
  }
  const code = reader.u32();
  if (code !== 0) {
    throw new TpmError(code);
  }
  const handle = command.handlesBack === 1 ? reader.u32() : 0;
  const parameters = tag === TAG_SESSIONS ? new TpmReader(reader.bytes(reader.u32())) : reader;
  return { handle, parameters, sessions: reader };
}

/** How long an answer is whose beginning is there, or null while that is not known yet. */
export function answerLength(begun: Buffer): number | null {
  return begun.length < HEADER_BYTES ? null : begun.readUInt32BE(2);
}

/** Reads the TPM's big-endian structures one after the other. Throws WardError `WARD_TPM` at their end. */
export class TpmReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes);
  }

  /** Every byte, whatever has been read already. */
  get all(): Buffer {
    return this.#bytes;
  }

  u8(): number {
    return this.bytes(1).readUInt8();
  }

  u16(): number {
    return this.bytes(2).readUInt16BE();
  }

  u32(): number {
    return this.bytes(4).readUInt32BE();
  }

  u64(): bigint {
    return this.bytes(8).readBigUInt64BE();
  }

  bytes(count: number): Buffer {
    const end = this.#at + count;
    if (end > this.#bytes.length) {
      throw new WardError("WARD_TPM", "Cannot use the TPM: a structure of it is cut off.");
    }
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  /** A TPM2B: two bytes say how long it is. */
  sized(): Buffer {
    return this.bytes(this.u16());
  }

  /** A TPM2B that is a number of `count` bytes; without zeros in front it may be shorter. */
  number(count: number): Buffer {
    const digits = this.sized();
    if (digits.length > count) {
      throw new WardError("WARD_TPM", "Cannot use the TPM: a number of it is too long.");
    }
    return Buffer.concat([Buffer.alloc(count - digits.length), digits]);
  }
}

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A TPM2B of these bytes. */
export function sized(...parts: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(parts);
  return Buffer.concat([u16(bytes.length), bytes]);
}

const TAG_PLAIN = 0x8001;
const TAG_SESSIONS = 0x8002;
const HEADER_BYTES = 10;
const FORMAT_ONE = 0x80;
const FORMAT_ONE_REASON = 0xbf;
/** In words, those that people can do something about. */
const REASONS: ReadonlyMap<number, string> = new Map([
  [RC_HANDLE, "what it is asked for is not in it"],
  [RC_INTEGRITY, "it is not of this TPM"],
  [RC_POLICY_FAIL, "the machine was not started as it was then"],
  [0x8e, "a password is set, or was wrong"],
  [0xa2, "a password is set for its owner"],
  [0x902, "too many objects are loaded; use /dev/tpmrm0, which takes turns"],
  [0x903, "too many sessions are open; use /dev/tpmrm0, which takes turns"],
  [0x921, "it is locked after wrong passwords"],
  [0x14b, "its memory is full"],
  [0x100, "it is not started; use /dev/tpmrm0"],
]);
