import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { Authority } from "../../provisioning/authority.ts";
import { LEAF_DAYS, ROOT_KINDS } from "../../provisioning/ca.ts";
import { readIssued, revokeWanted, type IssuedRecord } from "../../provisioning/issued.ts";
import { issueLists } from "../../provisioning/lists.ts";
import { replacePrivate } from "../../provisioning/private-files.ts";
import { errorText, WardError } from "../errors.ts";
import { verifyWipe } from "../identity/wiping.ts";
import { answer, needed, openAuthority, wholeNumber, type CaOptions } from "./ca-options.ts";
import type { CommandIo } from "./command.ts";

/** `wardgate ca revoke`: needs no passphrase, for the lists are signed later. */
export async function revoke(options: CaOptions, io: CommandIo): Promise<number> {
  const { gateway, hub, serial } = options;
  if ([gateway, hub, serial].filter((one) => one !== undefined).length !== 1) {
    throw new WardError("WARD_USAGE", "Cannot revoke: give one of --gateway, --hub and --serial.");
  }
  const wanted = (record: IssuedRecord): boolean =>
    gateway !== undefined
      ? record.kind === "gateways" && record.name === gateway
      : hub !== undefined
        ? record.kind === "servers" && record.name === hub
        : record.serial === serial?.toLowerCase();
  const directory = resolve(options.directory);
  const revoked = await revokeAll(directory, wanted, options.why ?? "");
  const names = revoked.map(({ serial: number }) => number);
  answer(
    options,
    io,
    { revoked: names },
    `Revoked: ${names.join(", ")}. Now write the lists, with wardgate ca crl, to where they are looked at.`,
  );
  return 0;
}

/** `wardgate ca crl`. */
export async function crl(options: CaOptions, io: CommandIo): Promise<number> {
  const days = wholeNumber(options.days, {
    option: "--days",
    otherwise: LEAF_DAYS,
    least: 1,
    most: 3650,
  });
  const targets = (options.to ?? []).map((directory) => resolve(directory));
  needed(targets[0], "--to DIR");
  const lists = await issueLists(await openAuthority(options, io), days);
  for (const target of targets) {
    // A hub and a gateway have theirs among their identity, a broker at the top.
    const identity = join(target, "identity");
    const folder = existsSync(identity) ? identity : target;
    await replacePrivate(join(folder, "gateways.crl.pem"), lists.gateways);
    await replacePrivate(join(folder, "servers.crl.pem"), lists.servers);
  }
  answer(
    options,
    io,
    { written: targets, days },
    `Lists for ${days} days are in ${targets.join(", ")}. Make the brokers read them: kill -HUP for mosquitto.`,
  );
  return 0;
}

/** `wardgate ca wiped`: a gateway that has destroyed its keys needs no certificate any more. */
export async function wiped(options: CaOptions, io: CommandIo): Promise<number> {
  const authority = new Authority(resolve(options.directory));
  const text = await readStatement(needed(options.word, "the file with the statement"));
  const statement = verifyWipe(text, new X509Certificate(authority.roots.gateways));
  const { gateway, at, keys } = statement;
  const wanted = ({ kind, name, revokedAt }: IssuedRecord): boolean =>
    kind === "gateways" && name === gateway && revokedAt === null;
  const found = await readIssued(authority.directory, "gateways");
  const revoked = found.some(wanted)
    ? await revokeAll(authority.directory, wanted, "its keys are destroyed")
    : [];
  const when = new Date(at).toISOString();
  answer(
    options,
    io,
    { ...statement, revoked: revoked.map(({ serial }) => serial) },
    `${gateway} said at ${when} that it destroys ${keys.length} keys; its signature is good.\n` +
      `${revoked.length} certificates are revoked.`,
  );
  return 0;
}

async function revokeAll(
  directory: string,
  wanted: (record: IssuedRecord) => boolean,
  why: string,
): Promise<IssuedRecord[]> {
  const revoked = await revokeWanted(directory, { kinds: ROOT_KINDS, wanted, why });
  if (revoked.length === 0) {
    throw new WardError(
      "WARD_CA_UNKNOWN",
      "Cannot revoke: no such certificate was issued. See: wardgate ca list --all",
    );
  }
  return revoked;
}

async function readStatement(file: string): Promise<Uint8Array> {
  try {
    const value: unknown = JSON.parse(await readFile(file, "utf8"));
    const statement: unknown = Reflect.get(Object(value), "statement");
    return Buffer.from(String(statement), "base64");
  } catch (error) {
    throw new WardError("WARD_USAGE", `Cannot read ${file}: ${errorText(error)}.`, {
      cause: error,
    });
  }
}
