import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { Desk } from "../../hub/desk.ts";
import { readHubIdentity } from "../../hub/hub-identity.ts";
import { type ParcelCounts, takeParcel } from "../../hub/parcel-intake.ts";
import { PostgresStore } from "../../hub/postgres-store.ts";
import { errorText } from "../errors.ts";
import type { CommandIo } from "./command.ts";
import { hubUsage } from "./hub-options.ts";
import { ProgressLine } from "./progress-line.ts";

/**
 * `wardgate hub import`: takes what `wardgate outbox export` has written on a gateway, and writes the receipts that go back.
 * Returns the exit code.
 */
export async function importParcel(args: readonly string[], io: CommandIo): Promise<number> {
  const { file, receipts, directory, database, ndjson, json } = readOptions(args);
  const identity = await readHubIdentity(directory);
  const desk = await Desk.open({
    directory,
    identity,
    ...(database === undefined ? {} : { store: await PostgresStore.open({ url: database }) }),
    ndjson: ndjson ?? database === undefined,
    now: Date.now,
    onTrouble: (text) => io.stderr.write(`wardgate hub: ${text}\n`),
  });
  let done = 0;
  const line = new ProgressLine(io.stderr, () => `imported ${done} records`);
  try {
    const counts = await takeParcel(desk, {
      file,
      receipts,
      receiptKey: identity.receiptKey,
      now: Date.now,
      stop: io.stop,
      onProgress: ({ committed, again }) => {
        done = committed + again;
      },
    });
    const result = { kind: "imported", file, receiptsFile: receipts, ...counts };
    io.stdout.write(json ? `${JSON.stringify(result)}\n` : importText(counts, receipts));
    return isWell(counts) ? 0 : FOUND_WRONG;
  } finally {
    line.end();
    await desk.close();
  }
}

const FOUND_WRONG = 3;

function isWell({ rejected, refused, early, complete }: ParcelCounts): boolean {
  return complete && rejected + refused + early === 0;
}

function importText(counts: ParcelCounts, receipts: string): string {
  const { gateway, committed, again, rejected, refused, early, complete } = counts;
  const wrong = [
    ...(rejected > 0 ? [`${rejected} can never be opened; the receipts say so.`] : []),
    ...(refused > 0 ? [`${refused} are not authentic and were not taken.`] : []),
    ...(early > 0 ? [`${early} need an epoch key that is not here; they come again.`] : []),
    ...(complete ? [] : ["The file is damaged or cut off: export it again."]),
  ];
  return [
    `${committed} records of ${gateway} are new here, ${again} were here before.`,
    ...wrong,
    `Receipts are in ${receipts}; on the gateway: wardgate outbox import ${receipts}`,
    "",
  ].join("\n");
}

interface ImportOptions {
  readonly file: string;
  readonly receipts: string;
  readonly directory: string;
  readonly database: string | undefined;
  readonly ndjson: boolean | undefined;
  readonly json: boolean;
}

function readOptions(args: readonly string[]): ImportOptions {
  const { values, positionals } = parsed(args);
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0 || values.directory === undefined) {
    throw hubUsage("name the file to import, and --directory DIR");
  }
  return {
    file: resolve(file),
    receipts: resolve(values.receipts ?? `${file}.receipts`),
    directory: values.directory,
    database: values.database,
    ndjson: values.ndjson,
    json: values.json,
  };
}

function parsed(args: readonly string[]): ReturnType<typeof parseImportArgs> {
  try {
    return parseImportArgs(args);
  } catch (error) {
    throw hubUsage(errorText(error), { cause: error });
  }
}

// An arrow function, so that the types of the values follow from the option table.
const parseImportArgs = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    allowNegative: true,
    options: {
      directory: { type: "string" },
      database: { type: "string" },
      receipts: { type: "string" },
      ndjson: { type: "boolean" },
      json: { type: "boolean", default: false },
    },
  });
