import { readFileSync } from "node:fs";
import { join } from "node:path";

import { errorCode, errorText, WardError } from "../errors.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";
import type { TpmBlob } from "../tpm/templates.ts";

/** Where in a TPM a gateway's keys hang, and what is sealed there. None of it is of use without that TPM. */
export interface TpmPlace {
  readonly device: string;
  /** Persistent handle of the storage key that everything lies under. */
  readonly parent: number;
  /** That key's name, hex: it shows another TPM, or one that was cleared. */
  readonly name: string;
  /** NV index of the counter. */
  readonly counter: number;
  /** PCRs that must be as they were; none when it does not matter how the machine was started. */
  readonly pcrs: readonly number[];
  /** Key-encryption key and first value of the counter, sealed. */
  readonly sealed: TpmBlob;
}

/** Below identity/; where it lies, the keys are in a TPM. */
export const TPM_FILE = "tpm.json";

/** What a directory says of its TPM, or null when its keys are in files. Throws WardError `WARD_KEY`. */
export function readTpmPlace(directory: string): TpmPlace | null {
  const path = join(directory, TPM_FILE);
  try {
    return placeOf(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return null;
    }
    throw new WardError("WARD_KEY", `${path} is damaged (${errorText(error)})`, { cause: error });
  }
}

export function writeTpmPlace(directory: string, place: TpmPlace): void {
  const { device, parent, name, counter, pcrs, sealed } = place;
  const text = JSON.stringify({
    format: FORMAT,
    device,
    parent: parent.toString(16),
    name,
    counter: counter.toString(16),
    pcrs,
    publicArea: Buffer.from(sealed.publicArea).toString("base64"),
    privateArea: Buffer.from(sealed.privateArea).toString("base64"),
  });
  replaceDurably(join(directory, TPM_FILE), Buffer.from(`${text}\n`));
}

const FORMAT = "wardgate-tpm/1";

function placeOf(value: unknown): TpmPlace {
  const fields = new Map<string, unknown>(Object.entries(Object(value)));
  const matching = (name: string, pattern: RegExp): string => {
    const field = fields.get(name);
    if (typeof field !== "string" || !pattern.test(field)) {
      throw new WardError("WARD_KEY", `its ${name} cannot be used`);
    }
    return field;
  };
  matching("format", /^wardgate-tpm\/1$/);
  const pcrs: unknown = fields.get("pcrs");
  if (!Array.isArray(pcrs) || !pcrs.every(isPcr)) {
    throw new WardError("WARD_KEY", "its pcrs cannot be used");
  }
  const handle = (name: string): number => Number.parseInt(matching(name, /^[0-9a-f]{7,8}$/), 16);
  const bytes = (name: string): Buffer =>
    Buffer.from(matching(name, /^[A-Za-z0-9+/]{4,1000}={0,2}$/), "base64");
  return {
    device: matching("device", /^\/[^\0]{1,200}$/),
    parent: handle("parent"),
    name: matching("name", /^[0-9a-f]{68}$/),
    counter: handle("counter"),
    pcrs,
    sealed: { publicArea: bytes("publicArea"), privateArea: bytes("privateArea") },
  };
}

/** Of the first 24, which every TPM has. */
function isPcr(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 23;
}
