import { isDeviceId } from "../reading.ts";
import { readStrings, unreadable } from "../columns.ts";
import type { ColumnReader, ColumnWriter, StringTable } from "../columns.ts";
import { fromHex, isHex, RECORD_ITEMS_MAX, toHex } from "./envelope.ts";

/** A device, and the run of bedside that numbered its takes. */
export interface Source {
  readonly device: string;
  readonly boot: string;
}

/** Sources in order of first use; everything else names them by their place. */
export class SourceTable {
  readonly #places = new Map<string, Source & { readonly place: number }>();

  place(device: string, boot: string): number {
    const key = `${boot}${device}`;
    const known = this.#places.get(key);
    if (known !== undefined) {
      return known.place;
    }
    const place = this.#places.size;
    this.#places.set(key, { device, boot, place });
    return place;
  }

  /** Places its strings too, so the string table is finished after this. */
  write(writer: ColumnWriter, strings: StringTable): void {
    writer.uint(this.#places.size);
    for (const { device, boot } of this.#places.values()) {
      writer.uint(strings.place(device));
      writer.raw(fromHex(boot));
    }
  }
}

/** Reads a table of sources. Throws WardError `WARD_OPEN`. */
export function readSources(reader: ColumnReader, text: TextReader): Source[] {
  return readList(reader, "sources", () => {
    const device = text(reader, "device");
    if (!isDeviceId(device)) {
      throw unreadable("device");
    }
    return { device, boot: toHex(reader.raw("boot", BOOT_BYTES)) };
  });
}

/** Reads a count and so many things of at least one byte each. */
export function readList<T>(reader: ColumnReader, what: string, readOne: () => T): T[] {
  const count = reader.count(what, RECORD_ITEMS_MAX);
  const list: T[] = [];
  for (let place = 0; place < count; place += 1) {
    list.push(readOne());
  }
  return list;
}

/** The entry at `place`, which bytes from outside may have chosen. Throws WardError `WARD_OPEN`. */
export function pick<T>(list: readonly T[], place: number): T {
  const entry = list[place];
  if (entry === undefined) {
    throw unreadable("reference");
  }
  return entry;
}

/** True for a boot id: 16 lower-case hex digits. */
export function isBoot(boot: unknown): boot is string {
  return typeof boot === "string" && isHex(boot, BOOT_BYTES);
}

export type TextReader = ReturnType<typeof readStrings>;

const BOOT_BYTES = 8;
