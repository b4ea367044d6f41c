import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { lockDataDirectory } from "../data-lock.ts";
import { errorCode, WardError } from "../errors.ts";
import { askControl } from "../house/control.ts";
import { numberAt, textAt, valueAt } from "../json-value.ts";
import { fileProblems } from "../outbox/set-aside.ts";
import { Verification } from "../outbox/verify.ts";
import type { CommandIo } from "./command.ts";
import { demandStore, openStopped } from "./outbox-source.ts";
import { ProgressLine } from "./progress-line.ts";

/** What a check of all records has found. */
export interface Verified {
  readonly kind: "verified";
  /** `running`: the keeper looked; `stopped`: this process did. */
  readonly gateway: "running" | "stopped";
  readonly good: number;
  readonly bad: number;
  readonly where: readonly string[];
  readonly epochsMissing: number;
  /** What is wrong with the files of a stopped store; then no record was looked at. */
  readonly files: readonly string[];
}

/**
 * Looks at every record of an outbox: asks the keeper of a running gateway to, or does it itself under the lock of a stopped
 * one. It never opens a running store, and nothing that is damaged.
 */
export async function verifyOutbox(dataDirectory: string, io: CommandIo): Promise<Verified> {
  try {
    await askControl(dataDirectory, "outbox-verify");
  } catch (error) {
    if (errorCode(error) === "WARD_NOT_RUNNING") {
      return verifyStopped(dataDirectory, io);
    }
    throw error;
  }
  let progress: unknown = null;
  const line = new ProgressLine(io.stderr, () => progressText(progress));
  try {
    do {
      await sleep(POLL_MS, undefined, { signal: io.stop });
      progress = await askControl(dataDirectory, "outbox-verified");
    } while (textAt(progress, "state") === "running");
  } finally {
    line.end();
  }
  return verifiedOf(progress, "running");
}

/** True when something is not as it was written. */
export function isDamaged({ bad, epochsMissing, files }: Verified): boolean {
  return bad > 0 || epochsMissing > 0 || files.length > 0;
}

export function verifiedText(verified: Verified): string {
  const { good, bad, where, epochsMissing, files } = verified;
  if (files.length > 0) {
    const list = files.map((what) => `  ${what}\n`).join("");
    return `The files of the store are damaged; no record was looked at:\n${list}Start the gateway, which repairs what it can, or run: wardgate outbox salvage\n`;
  }
  const epochs = epochsMissing === 0 ? "" : `${epochsMissing} epoch keys cannot be read.\n`;
  const said = bad === 0 ? "" : `${bad} are damaged or missing: ${where.join(", ")}\n`;
  return `${good} records are what was written.\n${said}${epochs}`;
}

async function verifyStopped(dataDirectory: string, io: CommandIo): Promise<Verified> {
  const files = await withLock(dataDirectory, () => fileProblems(join(dataDirectory, "store")));
  if (files.length > 0) {
    return {
      kind: "verified",
      gateway: "stopped",
      good: 0,
      bad: 0,
      where: [],
      epochsMissing: 0,
      files,
    };
  }
  const { outbox, close } = await openStopped(dataDirectory);
  try {
    const verification = new Verification(outbox, () => undefined, 0);
    const line = new ProgressLine(io.stderr, () => progressText(verification.progress));
    await verification.run(io.stop);
    line.end();
    return verifiedOf(verification.progress, "stopped");
  } finally {
    await close();
  }
}

async function withLock<T>(dataDirectory: string, act: () => T): Promise<T> {
  demandStore(join(dataDirectory, "store"));
  const lock = await lockDataDirectory(dataDirectory);
  try {
    return act();
  } finally {
    lock.release();
  }
}

function verifiedOf(progress: unknown, gateway: Verified["gateway"]): Verified {
  if (textAt(progress, "state") !== "done") {
    throw new WardError(
      "WARD_OUTBOX_READ",
      `Cannot look at all records: ${textAt(progress, "text") || "the keeper ended"}.`,
    );
  }
  const where = valueAt(progress, "where");
  return {
    kind: "verified",
    gateway,
    good: numberAt(progress, "good"),
    bad: numberAt(progress, "bad"),
    where: Array.isArray(where) ? where.map(String) : [],
    epochsMissing: numberAt(progress, "epochsMissing"),
    files: [],
  };
}

function progressText(progress: unknown): string {
  const [good, bad] = [numberAt(progress, "good"), numberAt(progress, "bad")];
  return `looked at ${good + bad} of ${numberAt(progress, "total")} records, ${bad} bad`;
}

const POLL_MS = 250;
