import type { RegisterRequest } from "./modbus-simulator.ts";
import { NO_SUCH_REGISTER } from "./modbus-simulator.ts";

/** The registers of a simulated device: what lies where, as words; the rest does not exist. */
export type RegisterTable = ReadonlyMap<number, number>;

/** A table of words that begin at an address each. */
export function makeTable(
  entries: readonly (readonly [address: number, words: readonly number[]])[],
): RegisterTable {
  return new Map(
    entries.flatMap(([address, words]) =>
      words.map((word, place) => [address + place, word] as const),
    ),
  );
}

/** The words asked for, or the refusal of a device that has none of them. What lies between those that it has reads 0. */
export function readTable(
  table: RegisterTable,
  { address, count }: RegisterRequest,
): readonly number[] | number {
  return table.has(address)
    ? Array.from({ length: count }, (_, place) => table.get(address + place) ?? 0)
    : NO_SUCH_REGISTER;
}

/** A whole number of two registers, the high word first. */
export function twoWords(value: number): number[] {
  return [(value >>> 16) & 0xff_ff, value & 0xff_ff];
}

/** An IEEE single in two registers, the high word first. */
export function singleWords(value: number): number[] {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return [view.getUint16(0), view.getUint16(2)];
}

/** Characters in registers, two in each, filled up with blanks. */
export function textWords(text: string, registers: number): number[] {
  const padded = text.padEnd(2 * registers, " ");
  return Array.from(
    { length: registers },
    (_, place) => (padded.charCodeAt(2 * place) << 8) | padded.charCodeAt(2 * place + 1),
  );
}
