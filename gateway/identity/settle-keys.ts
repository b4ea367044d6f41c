import { createSecretKey, randomBytes, type KeyObject } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { errorCode, errorText, WardError } from "../errors.ts";
import { syncDirectory } from "../outbox/disk-sync.ts";
import { TpmDevice } from "../tpm/device.ts";
import { Tpm } from "../tpm/tpm.ts";
import { isTss2Key, writeTss2Key } from "../tpm/tss2-key.ts";
import { TpmError } from "../tpm/wire.ts";
import { KEK_FILE, readKek } from "./file-keys.ts";
import { isInClear, SealedFiles, SECRET_BYTES } from "./sealed-files.ts";
import { shred } from "./shred.ts";
import { readTpmPlace, TPM_FILE, writeTpmPlace, type TpmPlace } from "./tpm-file.ts";
import { TpmKeys } from "./tpm-keys.ts";
import { proveTpmProcess } from "./tpm-process.ts";

/** Where a gateway's keys are wanted. */
export interface KeyWish {
  readonly provider: "file" | "tpm";
  /** Where the TPM is. */
  readonly device: string;
  /** PCRs that the keys are bound to. */
  readonly pcrs: readonly number[];
}

/**
 * Brings the keys of a gateway (`directory`: its identity/) to where they are wanted: into the TPM, also those that are in files
 * already. What is in a TPM stays there, whatever is wanted. May be cut off anywhere and called again. Returns what to tell
 * about it. Nobody may use the keys meanwhile. Throws WardError `WARD_TPM...` when the TPM does not open them, `WARD_KEY`.
 */
export function settleKeys(directory: string, wish: KeyWish): string[] {
  const place = readTpmPlace(directory);
  if (place !== null) {
    const keys = new TpmKeys(place);
    keys.counter.read();
    takeIn(directory, keys);
    return [];
  }
  if (wish.provider === "file") {
    return [];
  }
  const kek = readKek(join(directory, KEK_FILE)) ?? createSecretKey(randomBytes(SECRET_BYTES));
  const made = makePlace(wish, kek);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeTpmPlace(directory, made);
  takeIn(directory, new TpmKeys(made));
  return [`The keys are in the TPM at ${wish.device}.`];
}

/**
 * The same for a gateway that is to run: one whose keys are in files and cannot come into the TPM goes on with them, and says
 * so. A setting that is wrong for a box must not end what runs there.
 */
export function settleKeysToRun(directory: string, wish: KeyWish): string[] {
  try {
    return settleKeys(directory, wish);
  } catch (error) {
    const hasKeys = existsSync(join(directory, "gateway.key.pem"));
    if (!hasKeys || readTpmPlace(directory) !== null) {
      throw error;
    }
    return [`The keys stay in files: ${errorText(error)}`];
  }
}

/**
 * Before new keys are made: forgets a TPM that does not open the old ones any more. One that does not answer now, or has
 * trouble, is not forgotten: throws WardError `WARD_TPM`, and `WARD_TPM_ABSENT` while one is wanted.
 */
export function forgetLostTpm(directory: string, wish: KeyWish): void {
  try {
    const place = readTpmPlace(directory);
    if (place === null) {
      return;
    }
    const keys = new TpmKeys(place);
    try {
      keys.counter.read();
      return;
    } catch (error) {
      if (!isLost(error, wish)) {
        throw error;
      }
      destroyIfThere(keys);
    }
  } catch (error) {
    if (errorCode(error) !== "WARD_KEY") {
      throw error;
    }
  }
  // What is sealed under a key that is lost is lost with it.
  for (const path of [...SECRETS, ...KEYS].map((name) => join(directory, name))) {
    if (existsSync(path) && (!isInClear(path) || isTss2Key(readFileSync(path, "utf8")))) {
      rmSync(path);
    }
  }
  syncDirectory(directory, []);
  // Last: while it is there, what was cut off is done again.
  rmSync(join(directory, TPM_FILE));
  syncDirectory(directory, []);
}

/** True when trying again cannot help. */
function isLost(error: unknown, { provider }: KeyWish): boolean {
  const code = errorCode(error);
  return (
    code === "WARD_TPM_LOST" ||
    code === "WARD_TPM_PCR" ||
    (code === "WARD_TPM_ABSENT" && provider === "file") ||
    (error instanceof TpmError && error.isForGood)
  );
}

function destroyIfThere(keys: TpmKeys): void {
  try {
    keys.destroy();
  } catch {
    // It is gone, or does not let us: either way it opens nothing that is still wanted.
  }
}

/** What lies in clear, or under a key-encryption key in a file, comes under the TPM. */
function takeIn(directory: string, keys: TpmKeys): void {
  const clear = new SealedFiles(() => {
    throw new WardError("WARD_KEY", "it is not in clear");
  });
  const paths = (names: readonly string[]): string[] =>
    names
      .map((name) => join(directory, name))
      .filter((path) => existsSync(path) && isInClear(path));
  // One that is damaged stays: whoever loads the identity says which file it is.
  const takeIfGood = (path: string, read: () => KeyObject | null): void => {
    const key = attempt(read);
    if (key !== null) {
      keys.seal(path, key);
    }
  };
  for (const path of paths(KEYS)) {
    if (!isTss2Key(readFileSync(path, "utf8"))) {
      takeIfGood(path, () => clear.readKey(path));
    }
  }
  for (const path of paths(SECRETS)) {
    takeIfGood(path, () => clear.readSecret(path));
  }
  const file = join(directory, KEK_FILE);
  if (existsSync(file)) {
    shred([file]);
  }
}

function attempt<T>(act: () => T): T | null {
  try {
    return act();
  } catch {
    return null;
  }
}

/** Below identity/. */
const KEYS = ["signing.key.pem", "gateway.key.pem", "next/gateway.key.pem"];
const SECRETS = ["vault.key"];

/** Where gateways' storage keys lie (of the handles that belong to the owner), and their counters. */
const PARENT_FIRST = 0x8101_5700;
const COUNTER_FIRST = 0x0181_5700;
const PLACES = 16;

function makePlace({ device, pcrs }: KeyWish, kek: KeyObject): TpmPlace {
  return TpmDevice.use(device, (opened) => {
    const tpm = new Tpm(opened);
    const { parent, counter } = freePlace(tpm);
    tpm.makeParent(parent);
    try {
      // Whoever has this name is the one who is believed from here on.
      const name = tpm.nameOf(parent) ?? "";
      proveTpmProcess(device, writeTss2Key(parent, tpm.makeKey(parent)));
      const start = Buffer.alloc(8);
      start.writeBigUInt64BE(tpm.makeCounter(parent, counter));
      const sealed = tpm.seal(parent, Buffer.concat([kek.export(), start]), pcrs);
      return { device, parent, name, counter, pcrs, sealed };
    } catch (error) {
      tpm.removeParent(parent);
      if (tpm.hasIndex(counter)) {
        tpm.removeCounter(counter);
      }
      throw error;
    }
  });
}

function freePlace(tpm: Tpm): { readonly parent: number; readonly counter: number } {
  for (let n = 0; n < PLACES; n += 1) {
    const [parent, counter] = [PARENT_FIRST + n, COUNTER_FIRST + n];
    if (tpm.nameOf(parent) === null && !tpm.hasIndex(counter)) {
      return { parent, counter };
    }
  }
  throw new WardError(
    "WARD_TPM",
    "Cannot use the TPM: it has the keys of too many gateways. Clear it, or remove some with tpm2_evictcontrol and tpm2_nvundefine.",
  );
}
