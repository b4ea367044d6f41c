import { WardError } from "../errors.ts";
import { base64, bytesIn } from "./checkpoint.ts";
import { HASH_BYTES } from "./merkle.ts";

/** What a gateway publishes on its topic `journal`. */
export interface JournalMessage {
  /** The signed note (checkpoint.ts). */
  readonly note: string;
  /** The size of the tree that the proof begins with; 0 when nothing is proven. */
  readonly old: number;
  /** Shows that the tree of `old` entries is the beginning of the note's. */
  readonly proof: readonly Uint8Array[];
  /** The key binding statement: why the note's key is the gateway's. */
  readonly binding: Uint8Array;
  /** Which question this answers, 16 hex digits, or null. */
  readonly answer: string | null;
}

/** A hub's question: prove that the tree of `size` entries is the beginning of today's. */
export interface JournalQuestion {
  readonly size: number;
  /** 16 hex digits, to know the answer by. */
  readonly token: string;
}

/** The message as text. From the line `old` on it is what c2sp.org/tlog-witness sends to a witness. */
export function writeJournalMessage({
  note,
  old,
  proof,
  binding,
  answer,
}: JournalMessage): Uint8Array {
  const lines = [
    `binding ${base64(binding)}`,
    ...(answer === null ? [] : [`answer ${answer}`]),
    `old ${old}`,
    ...proof.map(base64),
  ];
  return Buffer.from(`${lines.join("\n")}\n\n${note}`, "utf8");
}

/** Reads a message; the note in it is not looked at. Throws WardError `WARD_JOURNAL_MESSAGE`. */
export function readJournalMessage(payload: Uint8Array): JournalMessage {
  const text = textOf(payload);
  const end = text.indexOf("\n\n");
  const [head = "", ...more] = text.slice(0, Math.max(0, end)).split("\n");
  const answer = ANSWER.exec(more[0] ?? "")?.[1] ?? null;
  const [oldLine = "", ...hashes] = answer === null ? more : more.slice(1);
  const binding = head.startsWith(BINDING) ? bytesIn(head.slice(BINDING.length)) : null;
  const old = Number(OLD.exec(oldLine)?.[1] ?? Number.NaN);
  const proof = hashes.flatMap((line) => {
    const hash = bytesIn(line);
    return hash?.length === HASH_BYTES ? [hash] : [];
  });
  if (
    end < 0 ||
    binding === null ||
    !Number.isSafeInteger(old) ||
    proof.length !== hashes.length ||
    proof.length > PROOF_MAX
  ) {
    throw unusable("it has not the form of one");
  }
  return { note: text.slice(end + 2), old, proof, binding, answer };
}

export function writeJournalQuestion({ size, token }: JournalQuestion): Uint8Array {
  return Buffer.from(`prove ${size} ${token}\n`, "utf8");
}

/** Throws WardError `WARD_JOURNAL_MESSAGE`. */
export function readJournalQuestion(payload: Uint8Array): JournalQuestion {
  const [, size, token] = QUESTION.exec(textOf(payload)) ?? [];
  if (size === undefined || token === undefined || !Number.isSafeInteger(Number(size))) {
    throw unusable("it is no question");
  }
  return { size: Number(size), token };
}

const BINDING = "binding ";
const ANSWER = /^answer ([0-9a-f]{16})$/;
const OLD = /^old (0|[1-9]\d{0,15})$/;
const QUESTION = /^prove (0|[1-9]\d{0,15}) ([0-9a-f]{16})\n$/;
/** Hashes in a proof: more than a tree of 2 to the power of 53 entries needs. */
const PROOF_MAX = 63;
/** Bytes of a message: a chain of certificates is the largest part of it. */
const MESSAGE_BYTES_MAX = 65_536;

function textOf(payload: Uint8Array): string {
  if (payload.length > MESSAGE_BYTES_MAX) {
    throw unusable(`${payload.length} bytes, more than ${MESSAGE_BYTES_MAX}`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload);
  } catch (error) {
    throw unusable("it is no text", { cause: error });
  }
}

function unusable(why: string, options?: ErrorOptions): WardError {
  return new WardError(
    "WARD_JOURNAL_MESSAGE",
    `Cannot use a message about a journal: ${why}.`,
    options,
  );
}
