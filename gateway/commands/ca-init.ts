import { join, resolve } from "node:path";

import { createAuthority } from "../../provisioning/authority.ts";
import { answer, type CaOptions } from "./ca-options.ts";
import type { CommandIo } from "./command.ts";
import { readPassphrase } from "./passphrase.ts";

/** `wardgate ca init`. */
export async function init(options: CaOptions, io: CommandIo): Promise<number> {
  const directory = resolve(options.directory);
  const variable = "WARD_CA_PASSPHRASE";
  const prompt = "New passphrase of the authority (12 characters or more)";
  const file = options["passphrase-file"];
  const passphrase = await readPassphrase({ file, variable, prompt }, io);
  const rootFile = options["root-passphrase-file"];
  const rootPassphrase =
    rootFile === undefined
      ? passphrase
      : await readPassphrase({ file: rootFile, variable, prompt: "Passphrase of the roots" }, io);
  const offline = resolve(options.offline ?? join(directory, "offline"));
  await createAuthority({
    directory,
    site: options.site ?? "Wardgate",
    passphrase,
    offline: { directory: offline, passphrase: rootPassphrase },
  });
  answer(
    options,
    io,
    { directory, offline },
    `The authority is in ${directory}. Carry ${offline} away into a safe: it holds the keys of the roots, which are needed ` +
      "only when an issuing authority has to be replaced.",
  );
  return 0;
}
