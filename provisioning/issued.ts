import { X509Certificate } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { errorCode, errorText, WardError } from "../gateway/errors.ts";
import { ROOT_KINDS, type RootKind } from "./ca.ts";
import { replacePrivate, writePrivate } from "./private-files.ts";

/** Why a certificate was issued: by hand, against a claim, or by renewing the one before. */
export const REASONS_ISSUED = ["command", "claim", "renewal"] as const;
export type IssuedBy = (typeof REASONS_ISSUED)[number];

/** One certificate that the authority has issued: a file of its own, named by its serial number. */
export interface IssuedRecord {
  readonly kind: RootKind;
  /** Lower-case hex. */
  readonly serial: string;
  /** Its CN. */
  readonly name: string;
  readonly by: IssuedBy;
  /** Epoch milliseconds, all three. */
  readonly issuedAt: number;
  readonly notBefore: number;
  readonly notAfter: number;
  /** When it was revoked (epoch milliseconds), or null. */
  readonly revokedAt: number | null;
  /** In the words of whoever revoked it, or "". */
  readonly why: string;
  /** The leaf alone, PEM. */
  readonly certificate: string;
}

/** The serial number of a certificate (of the first, when more follow), lower-case hex. */
export function serialOf(certificate: string): string {
  return new X509Certificate(certificate).serialNumber.toLowerCase();
}

/** Writes down a certificate that was just signed: what is not written down is not renewed and cannot be revoked by name. */
export async function recordIssued(
  directory: string,
  o: { readonly kind: RootKind; readonly by: IssuedBy; readonly certificate: string },
): Promise<IssuedRecord> {
  const leaf = new X509Certificate(o.certificate);
  const record: IssuedRecord = {
    kind: o.kind,
    serial: serialOf(o.certificate),
    name: leaf.subject.replace(/^CN=/, ""),
    by: o.by,
    issuedAt: Date.now(),
    notBefore: leaf.validFromDate.getTime(),
    notAfter: leaf.validToDate.getTime(),
    revokedAt: null,
    why: "",
    certificate: leaf.toString(),
  };
  await writePrivate(fileOf(directory, record.kind, record.serial), asText(record));
  return record;
}

/** Every certificate issued under one root, the oldest first. @throws WardError `WARD_PROVISION_READ` naming a damaged file */
export async function readIssued(directory: string, kind: RootKind): Promise<IssuedRecord[]> {
  const folder = join(directory, "issued", kind);
  const names = await readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") {
      return [];
    }
    throw error;
  });
  const files = names.filter((name) => name.endsWith(".json"));
  const records = await Promise.all(files.map((name) => readRecord(join(folder, name))));
  return records.toSorted((a, b) => a.issuedAt - b.issuedAt);
}

/** The record of one certificate, or null when this authority has not issued it. @throws WardError `WARD_PROVISION_READ` */
export async function findIssued(
  directory: string,
  kind: RootKind,
  serial: string,
): Promise<IssuedRecord | null> {
  if (!SERIAL.test(serial)) {
    return null;
  }
  try {
    return await readRecord(fileOf(directory, kind, serial));
  } catch (error) {
    if (error instanceof WardError && errorCode(error.cause) === "ENOENT") {
      return null;
    }
    throw error;
  }
}

/** Puts a certificate on its issuer's next list. One that is revoked already stays as it is. */
export async function revokeIssued(
  directory: string,
  record: IssuedRecord,
  why: string,
): Promise<IssuedRecord> {
  if (record.revokedAt !== null) {
    return record;
  }
  const revoked = { ...record, revokedAt: Date.now(), why: why.slice(0, WHY_MAX) };
  await replacePrivate(fileOf(directory, record.kind, record.serial), asText(revoked));
  return revoked;
}

/**
 * Revokes all that are wanted; those that were before are given back too. A renewal that is under way may make another one
 * meanwhile: it looks once more itself when it has, and here it is looked once more, so that one of the two sees the other.
 */
export async function revokeWanted(
  directory: string,
  o: {
    readonly kinds: readonly RootKind[];
    readonly wanted: (record: IssuedRecord) => boolean;
    readonly why: string;
  },
): Promise<IssuedRecord[]> {
  const look = async (): Promise<IssuedRecord[]> =>
    (await Promise.all(o.kinds.map((kind) => readIssued(directory, kind)))).flat().filter(o.wanted);
  const revoke = (records: readonly IssuedRecord[]): Promise<IssuedRecord[]> =>
    Promise.all(records.map((record) => revokeIssued(directory, record, o.why)));
  const first = await revoke(await look());
  const more = await revoke((await look()).filter(({ revokedAt }) => revokedAt === null));
  return [...first, ...more];
}

const SERIAL = /^[0-9a-f]{1,40}$/;
const WHY_MAX = 200;

function fileOf(directory: string, kind: RootKind, serial: string): string {
  return join(directory, "issued", kind, `${serial}.json`);
}

function asText(record: IssuedRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

async function readRecord(path: string): Promise<IssuedRecord> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (isRecord(value)) {
      return value;
    }
  } catch (error) {
    throw unreadable(path, errorText(error), error);
  }
  throw unreadable(path, "it is damaged");
}

function isRecord(value: unknown): value is IssuedRecord {
  const fields = new Map<string, unknown>(Object.entries(Object(value)));
  const isNumber = (name: string): boolean => Number.isSafeInteger(fields.get(name));
  const isText = (name: string): boolean => typeof fields.get(name) === "string";
  return (
    ROOT_KINDS.some((kind) => kind === fields.get("kind")) &&
    REASONS_ISSUED.some((by) => by === fields.get("by")) &&
    SERIAL.test(String(fields.get("serial"))) &&
    ["name", "why", "certificate"].every(isText) &&
    ["issuedAt", "notBefore", "notAfter"].every(isNumber) &&
    (fields.get("revokedAt") === null || isNumber("revokedAt"))
  );
}

function unreadable(path: string, why: string, cause?: unknown): WardError {
  return new WardError(
    "WARD_PROVISION_READ",
    `Cannot use ${path}: ${why}. Restore it from a backup: without it a revoked certificate would count again.`,
    { cause },
  );
}
