import { createHash, createPublicKey, sign, verify, type KeyObject } from "node:crypto";

import { WardError } from "../errors.ts";
import { isGatewayId } from "../reading.ts";
import { HASH_BYTES, isSame } from "./merkle.ts";

/** How long a journal was and what was in it, as its gateway has signed it. */
export interface Checkpoint {
  /** The gateway's id, which is the journal's name too. */
  readonly gateway: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/**
 * Signs a checkpoint: a signed note as c2sp.org/tlog-checkpoint and c2sp.org/signed-note have it, by an Ed25519 key, with the
 * gateway id for origin and key name.
 */
export function signCheckpoint({ gateway, size, root }: Checkpoint, key: KeyObject): string {
  const text = `${gateway}\n${size}\n${base64(root)}\n`;
  const signature = sign(null, Buffer.from(text, "utf8"), key);
  return `${text}\n— ${gateway} ${base64(Buffer.concat([noteKeyId(gateway, key), signature]))}\n`;
}

/** Reads a note without looking at its signatures. Throws WardError `WARD_JOURNAL_CHECKPOINT`. */
export function readCheckpoint(note: string): Checkpoint {
  return noteOf(note).checkpoint;
}

/** True when `key` (Ed25519) has signed the note. Throws WardError `WARD_JOURNAL_CHECKPOINT` for what is no note. */
export function isSignedBy(note: string, key: KeyObject): boolean {
  const { checkpoint, text, signatures } = noteOf(note);
  const { gateway } = checkpoint;
  const id = noteKeyId(gateway, key);
  return signatures.some(
    ({ name, bytes }) =>
      name === gateway &&
      isSame(bytes.subarray(0, ID_BYTES), id) &&
      bytes.length === ID_BYTES + SIGNATURE_BYTES &&
      verify(null, Buffer.from(text, "utf8"), key, bytes.subarray(ID_BYTES)),
  );
}

/** The size that a note names; 0 when it is none. */
export function sizeIn(note: string): number {
  try {
    return readCheckpoint(note).size;
  } catch {
    return 0;
  }
}

/** Bytes of a note, at most. */
export const NOTE_BYTES_MAX = 2048;

interface Note {
  readonly checkpoint: Checkpoint;
  /** What is signed. */
  readonly text: string;
  readonly signatures: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

function noteOf(note: string): Note {
  const end = note.indexOf("\n\n");
  if (end < 0 || note.length > NOTE_BYTES_MAX || !note.endsWith("\n")) {
    throw unusable("it is no signed note");
  }
  const text = note.slice(0, end + 1);
  const [gateway = "", count = "", root = "", ...more] = text.slice(0, -1).split("\n");
  const size = SIZE.test(count) ? Number(count) : Number.NaN;
  const hash = bytesIn(root);
  if (
    !isGatewayId(gateway) ||
    !Number.isSafeInteger(size) ||
    hash?.length !== HASH_BYTES ||
    more.length > 0
  ) {
    throw unusable("it has not the three lines gateway, size and root");
  }
  const lines = note.slice(end + 2, -1).split("\n");
  const signatures = lines.map((line) => {
    const [, name, signature] = SIGNATURE_LINE.exec(line) ?? [];
    const bytes = bytesIn(signature ?? "");
    if (name === undefined || bytes === null || lines.length > SIGNATURES_MAX) {
      throw unusable("its signatures cannot be read");
    }
    return { name, bytes };
  });
  return { checkpoint: { gateway, size, root: hash }, text, signatures };
}

/** How a signed note names an Ed25519 key (c2sp.org/signed-note). */
function noteKeyId(name: string, key: KeyObject): Uint8Array {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  const { x } = publicKey.export({ format: "jwk" });
  const raw = Buffer.from(x ?? "", "base64url");
  const hash = createHash("sha256").update(`${name}\n`).update(ED25519).update(raw).digest();
  return hash.subarray(0, ID_BYTES);
}

/** Bytes in base64, written in the one way that there is; null for anything else. */
export function bytesIn(text: string): Uint8Array | null {
  const bytes = Buffer.from(text, "base64");
  return base64(bytes) === text ? new Uint8Array(bytes) : null;
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

const SIZE = /^(?:0|[1-9]\d{0,15})$/;
const SIGNATURE_LINE = /^— ([^ +]{1,128}) ([A-Za-z0-9+/=]{8,4096})$/;
const SIGNATURES_MAX = 8;
const ED25519 = Uint8Array.of(1);
const ID_BYTES = 4;
const SIGNATURE_BYTES = 64;

function unusable(why: string): WardError {
  return new WardError("WARD_JOURNAL_CHECKPOINT", `Cannot use checkpoint: ${why}.`);
}
