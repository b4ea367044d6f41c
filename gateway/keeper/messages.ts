import { WardError } from "../errors.ts";
import { FRAME_BLOBS_MAX } from "../room-frames.ts";
import {
  LOADED_DOCUMENTS,
  ROOMS_VERSION,
  STORED_DOCUMENTS,
  type FlowhostToKeeper,
  type SealedPut,
} from "../rooms.ts";
import { WHEN_FULL, type ClassPolicies, type ClassPolicy } from "../outbox/policy.ts";
import { CLASSES, type ClassName } from "../reading.ts";
import { settingsProblems, type SignedSettings } from "../identity/signed-settings.ts";

/** What main gives the keeper at its start. */
export interface KeeperConfig {
  readonly dataDirectory: string;
  /** Verified by main. */
  readonly settings: SignedSettings;
  readonly tuning: KeeperTuning;
}

/** The keeper's part of the settings table (settings.ts), with its units. */
export interface KeeperTuning {
  readonly commitMs: number;
  readonly publishWindow: number;
  readonly publishBytes: number;
  readonly pubackMs: number;
  readonly keepaliveS: number;
  /** 0: never. */
  readonly connectionMaxS: number;
  readonly commitBytes: number;
  readonly outboxBytes: number;
  readonly diskReserveBytes: number;
  readonly ballastBytes: number;
  readonly classes: ClassPolicies;
  readonly journalBytes: number;
  readonly journalCheckpointS: number;
  /** "": it is not known whether the clock is synchronised. */
  readonly clockSyncFile: string;
  /** "": no guard is on this box. */
  readonly guardSocket: string;
  readonly guardFactor: number;
  readonly guardSteadyS: number;
  readonly guardStormCount: number;
  readonly guardClockS: number;
}

/** Checks the start message's config. Throws WardError `WARD_ROOM_MESSAGE`. */
export function parseKeeperConfig(value: unknown): KeeperConfig {
  if (isRecord(value) && isRecord(value["tuning"]) && typeof value["dataDirectory"] === "string") {
    const { tuning, settings, dataDirectory } = value;
    if (isSettings(settings)) {
      return {
        dataDirectory,
        settings,
        tuning: {
          commitMs: numberIn(tuning, "commitMs", 0, 10_000),
          publishWindow: numberIn(tuning, "publishWindow", 1, 64),
          publishBytes: numberIn(tuning, "publishBytes", 1, 2 ** 26),
          pubackMs: numberIn(tuning, "pubackMs", 100, 300_000),
          keepaliveS: numberIn(tuning, "keepaliveS", 1, 300),
          connectionMaxS: numberIn(tuning, "connectionMaxS", 0, 2 ** 31),
          commitBytes: numberIn(tuning, "commitBytes", 1, Number.MAX_SAFE_INTEGER),
          outboxBytes: numberIn(tuning, "outboxBytes", 1, Number.MAX_SAFE_INTEGER),
          diskReserveBytes: numberIn(tuning, "diskReserveBytes", 0, Number.MAX_SAFE_INTEGER),
          ballastBytes: numberIn(tuning, "ballastBytes", 0, Number.MAX_SAFE_INTEGER),
          classes: {
            notice: policyIn(tuning, "notice"),
            vital: policyIn(tuning, "vital"),
            trend: policyIn(tuning, "trend"),
            wave: policyIn(tuning, "wave"),
          },
          journalBytes: numberIn(tuning, "journalBytes", 1, Number.MAX_SAFE_INTEGER),
          journalCheckpointS: numberIn(tuning, "journalCheckpointS", 1, 3600),
          clockSyncFile: textIn(tuning, "clockSyncFile"),
          guardSocket: textIn(tuning, "guardSocket"),
          guardFactor: numberIn(tuning, "guardFactor", 2, 100),
          guardSteadyS: numberIn(tuning, "guardSteadyS", 60, 86_400),
          guardStormCount: numberIn(tuning, "guardStormCount", 1, 1_000_000),
          guardClockS: numberIn(tuning, "guardClockS", 1, 86_400),
        },
      };
    }
  }
  throw unusable("the start message has no usable config");
}

/**
 * Checks a message of the flow host to the keeper; every blob it names is there. Throws WardError `WARD_ROOM_MESSAGE`, or
 * `WARD_ROOM_VERSION` when the flow host speaks another version of rooms.ts.
 */
export function parseFlowhostToKeeper(
  value: unknown,
  blobs: readonly Uint8Array[],
): FlowhostToKeeper {
  if (!isRecord(value)) {
    throw unusable("it is no object");
  }
  const t = value["t"];
  // Blobs that nobody asks for would be held for as long as the message.
  if (t !== "put" && blobs.length !== (t === "save" ? 1 : 0)) {
    throw unusable(`it comes with ${blobs.length} blobs`);
  }
  switch (t) {
    case "hello":
      return { t: "hello", version: sameVersion(value["version"]) };
    case "put":
      return {
        t: "put",
        id: idIn(value),
        epochs: listIn(value, "epochs").map((entry) => blobOf(entry, blobs)),
        batches: listIn(value, "batches").map((entry) => putOf(entry, blobs)),
        tally: blobOf(value["tally"], blobs),
      };
    case "load":
      return { t: "load", id: idIn(value), what: documentIn(value, LOADED_DOCUMENTS) };
    case "save":
      return { t: "save", id: idIn(value), what: documentIn(value, STORED_DOCUMENTS) };
    default:
      throw unusable("unknown type");
  }
}

type Fields = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSettings(value: unknown): value is SignedSettings {
  return isRecord(value) && settingsProblems(value).length === 0;
}

function numberIn(fields: Fields, name: string, minimum: number, maximum: number): number {
  const value = fields[name];
  if (!Number.isSafeInteger(value) || Number(value) < minimum || Number(value) > maximum) {
    throw unusable(`${name} is not a whole number from ${minimum} to ${maximum}`);
  }
  return Number(value);
}

function textIn(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== "string" || value.length > TEXT_MAX) {
    throw unusable(`${name} is no text`);
  }
  return value;
}

const TEXT_MAX = 1024;

/** What the settings say of one class of data. */
function policyIn(tuning: Fields, name: ClassName): ClassPolicy {
  const days = numberIn(tuning, `${name}Days`, 0, DAYS_MAX);
  const whenFull = WHEN_FULL.find((known) => known === tuning[`${name}WhenFull`]);
  if (whenFull === undefined) {
    throw unusable(`${name}WhenFull is unknown`);
  }
  return {
    share: numberIn(tuning, `${name}Percent`, 0, 100) / 100,
    ttlMs: days === 0 ? null : days * DAY_MS,
    whenFull,
  };
}

const DAYS_MAX = 100_000;
const DAY_MS = 86_400_000;

function idIn(fields: Fields): number {
  return numberIn(fields, "id", 0, Number.MAX_SAFE_INTEGER);
}

function listIn(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name];
  if (!Array.isArray(value) || value.length > FRAME_BLOBS_MAX) {
    throw unusable(`${name} is no list`);
  }
  return value;
}

function blobOf(value: unknown, blobs: readonly Uint8Array[]): number {
  if (!Number.isSafeInteger(value) || blobs[Number(value)] === undefined) {
    throw unusable("it names a blob that is not there");
  }
  return Number(value);
}

function putOf(value: unknown, blobs: readonly Uint8Array[]): SealedPut {
  const name = isRecord(value) ? CLASSES.find((each) => each === value["class"]) : undefined;
  if (!isRecord(value) || name === undefined) {
    throw unusable("a batch has no class");
  }
  return { class: name, blob: blobOf(value["blob"], blobs) };
}

function documentIn<Name extends string>(fields: Fields, names: readonly Name[]): Name {
  const what = names.find((name) => name === fields["what"]);
  if (what === undefined) {
    throw unusable("unknown document");
  }
  return what;
}

function sameVersion(version: unknown): number {
  if (version !== ROOMS_VERSION) {
    throw new WardError(
      "WARD_ROOM_VERSION",
      `Cannot talk to the flow host: it speaks version ${String(version)}, the keeper ${ROOMS_VERSION}.`,
    );
  }
  return ROOMS_VERSION;
}

function unusable(why: string): WardError {
  return new WardError("WARD_ROOM_MESSAGE", `Cannot use a message to the keeper: ${why}.`);
}
