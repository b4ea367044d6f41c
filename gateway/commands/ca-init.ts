import { join, resolve } from "node:path";

import { createAuthority } from "../../provisioning/authority.ts";
import { lockedKeys, tokenKeys, type AuthorityKeys } from "../../provisioning/authority-keys.ts";
import { parseTokenUri } from "../../provisioning/token.ts";
import {
  answer,
  issuingKeys,
  PASSPHRASE_VARIABLE,
  readRootPassphrase,
  readRootPin,
  type CaOptions,
} from "./ca-options.ts";
import type { CommandIo } from "./command.ts";
import { readPassphrase } from "./passphrase.ts";

/** `wardgate ca init`. */
export async function init(options: CaOptions, io: CommandIo): Promise<number> {
  const directory = resolve(options.directory);
  const prompt = "New passphrase of the authority (12 characters or more)";
  const file = options["passphrase-file"];
  const passphrase = await readPassphrase({ file, variable: PASSPHRASE_VARIABLE, prompt }, io);
  const offline = resolve(options.offline ?? join(directory, "offline"));
  await createAuthority({
    directory,
    site: options.site ?? "Wardgate",
    passphrase,
    keys: await issuingKeys(options, passphrase, io),
    offline: { directory: offline, keys: await rootKeys(options, passphrase, io) },
  });
  const store = options["root-key-store"];
  const where = store === undefined ? "it holds the keys of the roots" : "with the roots' token";
  answer(
    options,
    io,
    { directory, offline },
    `The authority is in ${directory}. Carry ${offline} away into a safe: ${where}, which are needed ` +
      "only when an issuing authority has to be replaced.",
  );
  return 0;
}

async function rootKeys(
  options: CaOptions,
  passphrase: string,
  io: CommandIo,
): Promise<AuthorityKeys> {
  const store = options["root-key-store"];
  return store === undefined
    ? lockedKeys(await readRootPassphrase(options, passphrase, io))
    : tokenKeys(parseTokenUri(store), await readRootPin(options, io));
}
