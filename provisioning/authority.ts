import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { errorText, WardError } from "../gateway/errors.ts";
import {
  createRoot,
  issueRevocationList,
  LEAF_DAYS,
  ROOT_KINDS,
  serialOf,
  validFor,
  type Root,
  type RootKind,
} from "./ca.ts";
import { publicPem, replacePrivate, writePrivate } from "./private-files.ts";

/**
 * The site's own secrets in one directory: the keys of both roots, the key that signs settings, and which certificates are
 * revoked. Whoever holds this directory can make a gateway; keep it off line.
 */
export interface Authority {
  readonly directory: string;
  readonly gateways: Root;
  readonly servers: Root;
  /** Ed25519, private: signs each gateway's settings. */
  readonly settingsSigner: KeyObject;
}

/** Makes a new authority. @throws WardError `WARD_PROVISION_EXISTS` when the directory already holds one */
export async function createAuthority(directory: string, site: string): Promise<Authority> {
  const gateways = await createRoot("gateways", site);
  const servers = await createRoot("servers", site);
  const signer = generateKeyPairSync("ed25519");
  for (const root of [gateways, servers]) {
    await writePrivate(join(directory, keyFile(root.kind)), root.key);
    await writePrivate(join(directory, certificateFile(root.kind)), root.certificate);
  }
  const pem = signer.privateKey.export({ type: "pkcs8", format: "pem" });
  await writePrivate(join(directory, SIGNER_FILE), pem);
  await writePrivate(join(directory, SIGNER_PUBLIC_FILE), publicPem(signer.publicKey));
  await writePrivate(join(directory, REVOKED_FILE), asText(NOTHING_REVOKED));
  return { directory, gateways, servers, settingsSigner: signer.privateKey };
}

/** Reads an authority that `createAuthority` made. @throws WardError `WARD_PROVISION_READ` */
export async function openAuthority(directory: string): Promise<Authority> {
  const [gateways, servers] = await Promise.all([
    readRoot(directory, "gateways"),
    readRoot(directory, "servers"),
  ]);
  const settingsSigner = createPrivateKey(await readPart(directory, SIGNER_FILE));
  return { directory, gateways, servers, settingsSigner };
}

/** Puts a certificate on its root's list. It counts once the new lists are published and the brokers have read them. */
export async function revoke(
  authority: Authority,
  kind: RootKind,
  certificate: string,
): Promise<void> {
  const register = await readRegister(authority.directory);
  const serials = new Set([...register[kind], serialOf(certificate)]);
  await writeRegister(authority.directory, { ...register, [kind]: [...serials] });
}

/** Both revocation lists, PEM. Every call makes newer ones, in force from now on for `days`. */
export async function issueLists(
  authority: Authority,
  days: number = LIST_DAYS,
): Promise<Readonly<Record<RootKind, string>>> {
  const register = await readRegister(authority.directory);
  const number = register.number + 1;
  await writeRegister(authority.directory, { ...register, number });
  const { notBefore: thisUpdate, notAfter: nextUpdate } = validFor(days);
  const issue = async (root: Root): Promise<string> =>
    await issueRevocationList(root, {
      revoked: register[root.kind],
      number,
      thisUpdate,
      nextUpdate,
    });
  return { gateways: await issue(authority.gateways), servers: await issue(authority.servers) };
}

/** As long as certificates live: past it brokers refuse everyone, and nobody renews by hand more often than that. */
const LIST_DAYS: number = LEAF_DAYS;

interface Register {
  readonly number: number;
  readonly gateways: readonly string[];
  readonly servers: readonly string[];
}

const SIGNER_FILE = "settings-signer.key.pem";
const SIGNER_PUBLIC_FILE = "settings-signer.pub.pem";
const REVOKED_FILE = "revoked.json";
const NOTHING_REVOKED: Register = { number: 0, gateways: [], servers: [] };
const SERIAL = /^[0-9a-f]{1,40}$/;

function keyFile(kind: RootKind): string {
  return `${kind}-root.key.pem`;
}

function certificateFile(kind: RootKind): string {
  return `${kind}-root.crt.pem`;
}

async function readRoot(directory: string, kind: RootKind): Promise<Root> {
  const [certificate, key] = await Promise.all([
    readPart(directory, certificateFile(kind)),
    readPart(directory, keyFile(kind)),
  ]);
  return { kind, certificate, key };
}

async function readPart(directory: string, file: string): Promise<string> {
  try {
    return await readFile(join(directory, file), "utf8");
  } catch (error) {
    throw new WardError(
      "WARD_PROVISION_READ",
      `Cannot read ${join(directory, file)}: ${errorText(error)}. Give the authority's directory.`,
      { cause: error },
    );
  }
}

async function readRegister(directory: string): Promise<Register> {
  const register = parsed(await readPart(directory, REVOKED_FILE));
  if (register === null) {
    throw new WardError(
      "WARD_PROVISION_READ",
      `Cannot use ${join(directory, REVOKED_FILE)}: it is damaged. Restore it from a backup: ` +
        "without it revoked certificates would count again.",
    );
  }
  return register;
}

async function writeRegister(directory: string, register: Register): Promise<void> {
  await replacePrivate(join(directory, REVOKED_FILE), asText(register));
}

function asText(register: Register): string {
  return `${JSON.stringify(register, null, 2)}\n`;
}

function parsed(text: string): Register | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) {
    return null;
  }
  const number = "number" in value ? value.number : null;
  const [gateways, servers] = ROOT_KINDS.map((kind) => serialsOf(value, kind));
  if (typeof number !== "number" || !Number.isSafeInteger(number) || !gateways || !servers) {
    return null;
  }
  return { number, gateways, servers };
}

function serialsOf(register: object, kind: RootKind): readonly string[] | null {
  const list: unknown = Object.entries(register).find(([name]) => name === kind)?.[1];
  if (!Array.isArray(list)) {
    return null;
  }
  const entries: readonly unknown[] = list;
  const serials = entries.filter((entry) => typeof entry === "string" && SERIAL.test(entry));
  return serials.length === entries.length ? serials.map(String) : null;
}
