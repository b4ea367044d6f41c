import { resolve } from "node:path";

import { ROOT_KINDS } from "../../provisioning/ca.ts";
import { readIssued, type IssuedRecord } from "../../provisioning/issued.ts";
import { answer, type CaOptions } from "./ca-options.ts";
import type { CommandIo } from "./command.ts";

/** `wardgate ca list`. */
export async function list(options: CaOptions, io: CommandIo): Promise<number> {
  const directory = resolve(options.directory);
  const kinds = await Promise.all(ROOT_KINDS.map((kind) => readIssued(directory, kind)));
  const now = Date.now();
  const rows = kinds
    .flat()
    .map((record) => ({ record, state: stateOf(record, now) }))
    .filter(({ state }) => options.all || state === "valid");
  const certificates = rows.map(({ record: { certificate: _pem, ...facts }, state }) => ({
    ...facts,
    state,
  }));
  const words = rows.map(({ record, state }) => lineOf(record, state)).join("\n");
  answer(options, io, { certificates }, words === "" ? "No certificate counts." : words);
  return 0;
}

function stateOf({ revokedAt, notAfter }: IssuedRecord, now: number): string {
  return revokedAt !== null ? "revoked" : now > notAfter ? "ended" : "valid";
}

function lineOf({ kind, name, serial, notAfter, by, why }: IssuedRecord, state: string): string {
  const until = new Date(notAfter).toISOString().slice(0, 10);
  const more = why === "" ? "" : ` (${why})`;
  return `${kind.padEnd(8)}  ${name.padEnd(24)}  ${serial}  until ${until}  ${by.padEnd(7)}  ${state}${more}`;
}
