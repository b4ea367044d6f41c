import { CLOCK_QUALITIES, type ClockQuality } from "../reading.ts";
import {
  anyMap,
  arrayOf,
  bytesOf,
  type CborValue,
  decodeCbor,
  encodeCbor,
  integerOf,
  malformed,
} from "../sealing/cbor.ts";
import { fromHex, TIME_MAX, toHex } from "../sealing/envelope.ts";
import { fieldsOf, type JournalEvent, parseJournalEvent } from "./event.ts";

/** When and in which run of the gateway something was written down. */
export interface JournalStamp {
  /** Gateway time, epoch milliseconds. */
  readonly at: number;
  readonly clock: ClockQuality;
  /** 8 bytes as hex, random at every start of the gateway. */
  readonly boot: string;
}

/** One entry: a leaf of the tree. */
export type JournalEntry = JournalEvent & JournalStamp;

/** The deterministic bytes of an entry, as README.md lists them. Throws WardError `WARD_JOURNAL_ENTRY` or `WARD_ENVELOPE`. */
export function encodeEntry(event: JournalEvent, stamp: JournalStamp): Uint8Array {
  const { kind, who, outcome, what } = event;
  parseJournalEvent({ kind, who, outcome, what });
  const forms = fieldsOf(kind);
  const fields = Object.entries(what).map(([name, value]): [string, CborValue] => {
    const form = forms?.get(name);
    const isBytes = form === "hash" || form === "id";
    return [name, isBytes ? fromHex(String(value)) : value];
  });
  return encodeCbor([
    VERSION,
    stamp.at,
    CLOCK_QUALITIES.indexOf(stamp.clock),
    fromHex(stamp.boot),
    kind,
    who,
    outcome,
    new Map(fields),
  ]);
}

/** Reads an entry. Throws WardError `WARD_ENVELOPE` or `WARD_JOURNAL_ENTRY`. */
export function decodeEntry(bytes: Uint8Array): JournalEntry {
  if (bytes.length > ENTRY_BYTES_MAX) {
    throw malformed(`an entry of ${bytes.length} bytes`);
  }
  const [version, at, clock, boot, kind, who, outcome, what] = arrayOf(
    decodeCbor(bytes),
    "entry",
    8,
  );
  integerOf(version, "version", VERSION, VERSION);
  const quality = CLOCK_QUALITIES[integerOf(clock, "clock", 0, CLOCK_QUALITIES.length - 1)];
  const fields = [...anyMap(what, "details")].map(([name, value]): [string, unknown] => [
    String(name),
    value instanceof Uint8Array ? toHex(value) : value,
  ]);
  // In the order of the table, for people; on the wire they are in that of CBOR.
  const order = [...(fieldsOf(String(kind))?.keys() ?? [])];
  fields.sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  const event = parseJournalEvent({ kind, who, outcome, what: Object.fromEntries(fields) });
  return {
    ...event,
    at: integerOf(at, "time", 0, TIME_MAX),
    clock: quality ?? "unsynchronised",
    boot: toHex(bytesOf(boot, "boot", BOOT_BYTES)),
  };
}

/** Bytes of one entry, at most. */
export const ENTRY_BYTES_MAX = 1024;
/** Bytes of a boot id. */
export const BOOT_BYTES = 8;
const VERSION = 1;
