import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { lockDataDirectory } from "../gateway/data-lock.ts";
import { errorCode, WardError } from "../gateway/errors.ts";
import { listTimes, type Authority } from "./authority.ts";
import { LEAF_DAYS, type RootKind } from "./ca.ts";
import { readIssued } from "./issued.ts";
import { replacePrivate } from "./private-files.ts";
import { issueRevocationList } from "./revocation-list.ts";

/**
 * The revocation lists of everybody under each root, PEM: those of its issuing authorities and that of the root, one after
 * the other, because some check the whole chain. Every call makes newer ones, in force from now on for `days`.
 * @throws WardError `WARD_PROVISION_READ` when what was issued cannot be read in full
 */
export async function issueLists(
  authority: Authority,
  days: number = LIST_DAYS,
): Promise<Readonly<Record<RootKind, string>>> {
  const number = await nextListNumber(authority.directory);
  const issue = async (kind: RootKind): Promise<string> => {
    const records = await readIssued(authority.directory, kind);
    const revoked = records.filter(({ revokedAt }) => revokedAt !== null);
    const lists = authority.issuers(kind).map((issuer) => {
      const above = new X509Certificate(issuer.certificate);
      const own = revoked.flatMap(({ certificate, serial, revokedAt }) =>
        revokedAt !== null && new X509Certificate(certificate).checkIssued(above)
          ? [{ serial, at: new Date(revokedAt) }]
          : [],
      );
      return issueRevocationList(issuer, { revoked: own, number, ...listTimes(days) });
    });
    return (await Promise.all(lists)).join("") + authority.rootList(kind);
  };
  return { gateways: await issue("gateways"), servers: await issue("servers") };
}

/** As long as certificates live: past it brokers refuse everyone, and nobody renews by hand more often than that. */
const LIST_DAYS: number = LEAF_DAYS;
const NUMBER_FILE = "list-number.json";
const LOCK_TRIES = 50;
const LOCK_PAUSE_MS = 100;

/** The number of the next lists: numbers must grow, also while a server and a command issue lists at the same time. */
export async function nextListNumber(directory: string): Promise<number> {
  return await alone(directory, async () => {
    const number = (await lastNumber(join(directory, NUMBER_FILE))) + 1;
    await replacePrivate(join(directory, NUMBER_FILE), `${JSON.stringify({ number })}\n`);
    return number;
  });
}

/** Lets nobody else change an authority's directory meanwhile who asks for that too. @throws WardError `WARD_DATA_LOCKED` */
export async function alone<T>(directory: string, act: () => Promise<T>): Promise<T> {
  const lock = await locked(directory, LOCK_TRIES);
  try {
    return await act();
  } finally {
    lock.release();
  }
}

async function locked(directory: string, tries: number): Promise<{ release(): void }> {
  try {
    return await lockDataDirectory(directory);
  } catch (error) {
    if (errorCode(error) !== "WARD_DATA_LOCKED" || tries <= 1) {
      throw error;
    }
    await sleep(LOCK_PAUSE_MS);
    return await locked(directory, tries - 1);
  }
}

async function lastNumber(path: string): Promise<number> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return 0;
    }
    throw error;
  }
  const number = /^\{"number":(\d{1,10})\}\n$/.exec(text)?.[1];
  if (number === undefined) {
    throw new WardError(
      "WARD_PROVISION_READ",
      `Cannot use ${path}: it is damaged. Restore it from a backup, or write a higher number than any list has had.`,
    );
  }
  return Number(number);
}
