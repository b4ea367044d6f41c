import type { KeyObject } from "node:crypto";
import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";

import { publishBundles } from "../../provisioning/bundle-publish.ts";
import { BundleRepository } from "../../provisioning/bundle-repository.ts";
import { unlockKey } from "../../provisioning/passphrase-key.ts";
import type { Bundle } from "../bundles/content.ts";
import { comparedText } from "./bundle-diff.ts";
import { fileBytes, needOption, numberOption } from "./bundle-options.ts";
import type { CommandIo } from "./command.ts";
import { readPassphrase } from "./passphrase.ts";

/** `wardgate bundle sign`: puts a bundle down for signing, and signs what waits. */
export async function signCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...COMMON,
      bundle: { type: "string" },
      yes: { type: "boolean", default: false },
      days: { type: "string", default: "365" },
    },
  });
  const repository = new BundleRepository(needOption("repository", values.repository));
  const days = numberOption("days", values.days, { least: 1, most: DAYS_MAX });
  const key = await openKey(io, values);
  let bundle: Bundle | null = null;
  if (values.bundle !== undefined) {
    const expires = new Date(Date.now() + days * DAY_MS);
    bundle = await repository.draftBundle(fileBytes(values.bundle), expires);
  }
  await repository.hold();
  const changes = await comparedText(repository);
  if (!values.json) {
    io.stdout.write(changes);
  }
  if (!values.yes && !(await isWanted(io))) {
    io.stdout.write("Nothing was signed.\n");
    return 1;
  }
  const signed = await repository.sign(key);
  if (values.json) {
    const version = bundle?.manifest.version ?? null;
    io.stdout.write(`${JSON.stringify({ signed, version, changes })}\n`);
    return 0;
  }
  for (const { what, missing } of signed) {
    const rest =
      missing === null ? "It can be published" : `It cannot be published yet: ${missing}`;
    io.stdout.write(`Signed ${what}. ${rest}.\n`);
  }
  return 0;
}

/** At a terminal whoever signs says so once they have read what changes; a script says it by being one. */
async function isWanted(io: CommandIo): Promise<boolean> {
  if (!process.stdin.isTTY) {
    return true;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question("Sign this? Type yes: ", { signal: io.stop });
    return answer.trim() === "yes";
  } finally {
    terminal.close();
  }
}

/** `wardgate bundle publish`: publishes what is signed by enough, or renews what is published. */
export async function publishCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { ...COMMON, days: { type: "string", default: "30" } },
  });
  const repository = new BundleRepository(needOption("repository", values.repository));
  const days = numberOption("days", values.days, { least: 1, most: DAYS_MAX });
  const key = await openKey(io, values);
  const published = await publishBundles(repository, key, { days, now: new Date() });
  io.stdout.write(
    values.json
      ? `${JSON.stringify(published)}\n`
      : `Published root ${published.root}, targets ${published.targets}. Gateways install from it until ${published.expires.toISOString()}; publish again before that.\n`,
  );
  return 0;
}

const COMMON = {
  repository: { type: "string" },
  key: { type: "string" },
  "passphrase-file": { type: "string" },
  json: { type: "boolean", default: false },
} as const;
const DAYS_MAX = 3650;
const DAY_MS = 86_400_000;

async function openKey(
  io: CommandIo,
  values: { readonly key?: string | undefined; readonly "passphrase-file"?: string | undefined },
): Promise<KeyObject> {
  const file = needOption("key", values.key);
  const text = Buffer.from(fileBytes(file)).toString("utf8");
  const passphrase = await readPassphrase(
    {
      file: values["passphrase-file"],
      variable: "WARD_PASSPHRASE",
      prompt: `Passphrase of ${file}`,
    },
    io,
  );
  return unlockKey(text, passphrase);
}
