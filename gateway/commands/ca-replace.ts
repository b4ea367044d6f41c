import { join, resolve } from "node:path";
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";

import { Authority, rootKeyFile } from "../../provisioning/authority.ts";
import { ROOT_KINDS } from "../../provisioning/ca.ts";
import { replaceIssuing } from "../../provisioning/replace-issuing.ts";
import { isTokenFile } from "../../provisioning/token.ts";
import { WardError } from "../errors.ts";
import {
  answer,
  issuingKeys,
  openAuthority,
  PASSPHRASE_VARIABLE,
  readRootPassphrase,
  readRootPin,
  type CaOptions,
} from "./ca-options.ts";
import type { CommandIo } from "./command.ts";
import { readPassphrase } from "./passphrase.ts";

/** `wardgate ca replace`. */
export async function replace(options: CaOptions, io: CommandIo): Promise<number> {
  const kind = ROOT_KINDS.find((one) => one === options.word);
  if (kind === undefined) {
    throw new WardError("WARD_USAGE", `Cannot replace: name one of ${ROOT_KINDS.join(", ")}.`);
  }
  const directory = resolve(options.directory);
  const offline = resolve(options.offline ?? join(directory, "offline"));
  const file = options["passphrase-file"];
  const prompt = "Passphrase of the authority";
  const passphrase = await readPassphrase({ file, variable: PASSPHRASE_VARIABLE, prompt }, io);
  const rootText = await readFile(join(offline, rootKeyFile(kind)), "utf8").catch(() => "");
  const certificate = await replaceIssuing({
    authority: await openAuthority(options, io),
    kind,
    offline: {
      directory: offline,
      secrets: isTokenFile(rootText)
        ? { passphrase: null, pin: await readRootPin(options, io) }
        : { passphrase: await readRootPassphrase(options, passphrase, io) },
    },
    keys: await issuingKeys(options, passphrase, io),
    isRevoked: options["revoke-old"],
  });
  const { subject, validTo } = new X509Certificate(certificate);
  const { length } = new Authority(directory, { passphrase }).certificates(kind);
  answer(
    options,
    io,
    { kind, certificate, counting: length },
    `${subject.replace(/^CN=/, "")} signs from now on, until ${validTo}. First write the lists, with wardgate ca crl, to every ` +
      "broker and hub, and make them read them; then start wardgate ca serve again.",
  );
  return 0;
}
