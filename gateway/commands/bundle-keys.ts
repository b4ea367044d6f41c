import { generateKeyPairSync } from "node:crypto";
import { parseArgs } from "node:util";

import { keyId, publicHex, type PublicSigner } from "../../provisioning/bundle-metadata.ts";
import { BundleRepository } from "../../provisioning/bundle-repository.ts";
import { lockKey } from "../../provisioning/passphrase-key.ts";
import { writePrivate } from "../../provisioning/private-files.ts";
import { PERSON_ROLES } from "../bundles/metadata.ts";
import { WardError } from "../errors.ts";
import { fileJson, needOption, numberOption } from "./bundle-options.ts";
import type { CommandIo } from "./command.ts";
import { readPassphrase } from "./passphrase.ts";

/** `wardgate bundle keys new|root`. */
export async function keysCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const [verb, ...rest] = args;
  if (verb === "new") {
    return newKey(rest, io);
  }
  if (verb === "root") {
    return draftRoot(rest, io);
  }
  throw new WardError("WARD_USAGE", "Cannot do that: write bundle keys new or bundle keys root.");
}

const ROLES: readonly PublicSigner["role"][] = [...PERSON_ROLES, "publisher"];
const NAME_MAX = 80;
const DAYS_MAX = 3650;
const DAY_MS = 86_400_000;

async function newKey(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      role: { type: "string" },
      name: { type: "string" },
      "passphrase-file": { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const file = needOption("FILE", positionals[0]);
  const role = ROLES.find((known) => known === values.role);
  if (role === undefined) {
    throw new WardError("WARD_USAGE", `Cannot do that: --role is one of ${ROLES.join(", ")}.`);
  }
  const name = needOption("name", values.name).slice(0, NAME_MAX);
  const passphrase = await readPassphrase(
    {
      file: values["passphrase-file"],
      variable: "WARD_PASSPHRASE",
      prompt: `New passphrase of ${file} (12 characters or more)`,
    },
    io,
  );
  const { privateKey } = generateKeyPairSync("ed25519");
  const signer: PublicSigner = { role, name, public: publicHex(privateKey) };
  await writePrivate(file, lockKey(privateKey, passphrase));
  await writePrivate(`${file}.pub`, `${JSON.stringify(signer, null, 2)}\n`);
  const id = keyId(signer);
  io.stdout.write(
    values.json
      ? `${JSON.stringify({ file, id, ...signer })}\n`
      : `Made the key of ${name} (${role}), id ${id.slice(0, 16)}: keep ${file}, hand on ${file}.pub.\n`,
  );
  return 0;
}

async function draftRoot(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      repository: { type: "string" },
      signer: { type: "string", multiple: true, default: [] },
      publisher: { type: "string", multiple: true, default: [] },
      threshold: { type: "string", default: "2" },
      days: { type: "string", default: "730" },
      json: { type: "boolean", default: false },
    },
  });
  const directory = needOption("repository", values.repository);
  const people = values.signer.map(readSigner).filter(({ role }) => role !== "publisher");
  const publishers = values.publisher.map(readSigner);
  if (people.length !== values.signer.length || publishers.length === 0) {
    throw new WardError(
      "WARD_USAGE",
      "Cannot do that: --signer takes keys of people, --publisher at least one of a publisher.",
    );
  }
  const days = numberOption("days", values.days, { least: 1, most: DAYS_MAX });
  const version = await new BundleRepository(directory).draftRoot({
    people,
    publishers,
    threshold: numberOption("threshold", values.threshold, { least: 2, most: 64 }),
    expires: new Date(Date.now() + days * DAY_MS),
  });
  io.stdout.write(
    values.json
      ? `${JSON.stringify({ root: version })}\n`
      : `Root ${version} waits for signatures in ${directory}/drafts. Sign it with: wardgate bundle sign\n`,
  );
  return 0;
}

function readSigner(file: string): PublicSigner {
  const value = fileJson(file);
  if (isSigner(value)) {
    return value;
  }
  throw new WardError("WARD_USAGE", `Cannot use ${file}: it is no public half of a signer's key.`);
}

function isSigner(value: unknown): value is PublicSigner {
  const fields = new Map<string, unknown>(Object.entries(Object(value)));
  const hex = fields.get("public");
  return (
    ROLES.some((role) => role === fields.get("role")) &&
    typeof fields.get("name") === "string" &&
    typeof hex === "string" &&
    /^[0-9a-f]{64}$/.test(hex)
  );
}
