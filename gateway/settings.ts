import { WardError } from "./errors.ts";
import { CLASSES } from "./reading.ts";
import {
  days,
  int,
  type IntegerSpec,
  percent,
  type SettingSpec,
  SHARES_MAX,
  text,
  whenFull,
} from "./setting-specs.ts";

/**
 * Every setting of the gateway, in one table: file key, unit, default, limits and what it is for. A setting comes from
 * its `WARD_*` variable, else from the settings file (JSON), else from the default. The README's table is made from this.
 *
 * What decides whom data is sealed to, which lines may be opened and which flows run is not here: that comes signed
 * (signed-settings.ts).
 */
export const SETTINGS = {
  commitMs: int(
    20,
    0,
    10_000,
    "ms",
    "Between two fsyncs of the outbox: what comes meanwhile shares the next one. The first after a pause comes at once.",
  ),
  publishWindow: int(
    64,
    1,
    64,
    "batches",
    "Sealed batches published and not yet acknowledged by the broker, at most.",
  ),
  publishBytes: int(
    256 * 1024,
    4096,
    16 * 1024 ** 2,
    "bytes",
    "Bytes of live batches without an acknowledgement by the broker, at most, and the same again of backlog.",
  ),
  pubackMs: int(
    20_000,
    1000,
    300_000,
    "ms",
    "While nothing is acknowledged for this long the broker connection is dropped: the line must carry the largest batch in this time.",
  ),
  keepaliveS: int(
    15,
    5,
    20,
    "s",
    "MQTT keep-alive. A dead connection is noticed after 1.5 times this, so within 30 s.",
  ),
  connectionMaxS: int(
    86_400,
    0,
    31_536_000,
    "s",
    "A broker connection older than this is replaced by a new one, without a gap; 0 keeps it.",
  ),
  commitBytes: int(
    4 * 1024 ** 2,
    64 * 1024,
    64 * 1024 ** 2,
    "bytes",
    "An fsync is not waited for any longer when this much is gathered.",
  ),
  outboxBytes: int(
    1024 ** 3,
    8 * 1024 ** 2,
    1024 ** 4,
    "bytes",
    "Sealed batches waiting on disk, at most.",
  ),
  diskReserveBytes: int(
    128 * 1024 ** 2,
    0,
    1024 ** 4,
    "bytes",
    "Free space of the disk that the outbox leaves to others: below it, it holds no more than it does already.",
  ),
  ballastBytes: int(
    32 * 1024 ** 2,
    0,
    1024 ** 3,
    "bytes",
    "A file that is removed when the disk is full, so that receipts, gap records and deletions can still be written.",
  ),
  noticePercent: percent(5, "notices"),
  vitalPercent: percent(40, "vital readings"),
  trendPercent: percent(10, "the trend"),
  wavePercent: percent(25, "waveforms"),
  noticeDays: days(365, "A notice"),
  vitalDays: days(180, "A vital reading"),
  trendDays: days(365, "A trend reading"),
  waveDays: days(30, "A waveform"),
  noticeWhenFull: whenFull("notices"),
  vitalWhenFull: whenFull("vital readings"),
  trendWhenFull: whenFull("trend readings"),
  waveWhenFull: whenFull("waveforms"),
  journalBytes: int(
    32 * 1024 ** 2,
    4 * 1024 ** 2,
    1024 ** 3,
    "bytes",
    "Entries of the journal on disk, at most, about; the oldest are given up, proofs of the rest still hold.",
  ),
  journalCheckpointS: int(
    10,
    1,
    3600,
    "s",
    "At most one signed checkpoint of the journal is published in this time.",
  ),
  trendMs: int(
    60_000,
    1000,
    3_600_000,
    "ms",
    "One vital take per device and this interval is copied to the class trend.",
  ),
  droppedAfterMs: int(
    30_000,
    1000,
    600_000,
    "ms",
    "A reading that a flow has neither stored nor ended after this long is accounted for as dropped in the flow.",
  ),
  bufferTakes: int(
    20_000,
    100,
    1_000_000,
    "takes",
    "Takes held in memory until they are settled, at most.",
  ),
  bufferBytes: int(
    32 * 1024 ** 2,
    1024 ** 2,
    1024 ** 3,
    "bytes",
    "Memory for takes that are not settled yet, at most.",
  ),
  inFlightTakes: int(
    2000,
    10,
    100_000,
    "takes",
    "Takes handed to the flow and not settled yet, at most.",
  ),
  checkpointMs: int(
    500,
    100,
    60_000,
    "ms",
    "How often bedside says how far it has counted; that is on disk with what else is written, 2.5 s later at most.",
  ),
  clockSyncFile: text(
    "/run/systemd/timesync/synchronized",
    /^$|^\/[^\0]{0,1023}$/,
    "While this file is missing in a directory that is there, times count as unsynchronised. Empty: it is not known.",
  ),
  hangMs: int(
    10_000,
    1000,
    120_000,
    "ms",
    "A room that does not answer for this long is restarted.",
  ),
  restartFirstMs: int(
    250,
    10,
    60_000,
    "ms",
    "Pause before the first restart of a room; doubles with each further one.",
  ),
  restartMaxMs: int(30_000, 100, 600_000, "ms", "Longest pause before a restart."),
  crashLoopCount: int(
    5,
    2,
    100,
    "restarts",
    "This many crashes of the flow host within crashLoopMs switch to the built-in collector-only flow.",
  ),
  crashLoopMs: int(60_000, 1000, 3_600_000, "ms", "See crashLoopCount."),
  bundleHealthS: int(
    300,
    10,
    86_400,
    "s",
    "A new bundle that is not good after this long is rolled back by itself.",
  ),
  bundleSteadyS: int(
    60,
    5,
    3600,
    "s",
    "A new bundle must have been good for this long before it is kept.",
  ),
  bundleRatePercent: int(
    80,
    1,
    100,
    "%",
    "Under a new bundle devices must deliver, and the flow keep, at least this part of what it was before.",
  ),
  healthAgeS: int(
    120,
    10,
    3600,
    "s",
    "What devices deliver must have come to the outbox within this long, else `wardgate health` says no.",
  ),
  healthExitS: int(
    600,
    0,
    86_400,
    "s",
    "A gateway whose data stands still for this much longer ends itself, to be started anew; 0: never.",
  ),
  agentSocket: text(
    "",
    /^$|^\/[^\0]{0,106}$/,
    "Where the agent of a balena box listens, to hold off updates during a trial or a drain. Empty: there is none.",
  ),
  guardSocket: text(
    "",
    /^$|^\/[^\0]{0,106}$/,
    "Where the guard of a box that is the router of its devices listens (docs/guard.md). Empty: there is none.",
  ),
  guardFactor: int(
    3,
    2,
    100,
    "times",
    "A device that answers so many times more or less often than usual is told, or says three times that much more or less.",
  ),
  guardSteadyS: int(
    180,
    60,
    86_400,
    "s",
    "How a device behaves must have changed for this long before it is told.",
  ),
  guardStormCount: int(
    30,
    1,
    1_000_000,
    "a minute",
    "Refusals (Modbus exceptions) or unreadable pieces of a device that are worth a notice, when they are eight times what is usual.",
  ),
  guardClockS: int(
    60,
    1,
    86_400,
    "s",
    "A device's own clock that has moved by more than this against the gateway's is told.",
  ),
  updateHoldS: int(
    3600,
    0,
    86_400,
    "s",
    "Updates of the box are held off for no longer than this at a time.",
  ),
  editorHost: text(
    "127.0.0.1",
    /^[0-9a-zA-Z.:-]{1,255}$/,
    "Address the pages and the editor listen on. Anything but loopback is your explicit decision.",
  ),
  editorPort: int(0, 0, 65_535, "port", "Port of pages and editor; 0 takes a free one."),
  keyProvider: text(
    "file",
    /^(file|tpm)$/,
    "Where the keys are: file, or tpm for a TPM 2.0. Keys in files are taken into the TPM at the next start; there is no way back.",
  ),
  tpmDevice: text(
    "/dev/tpmrm0",
    /^\/[^\0]{1,200}$/,
    "The TPM. Looked at when keys are first put into it, and remembered.",
  ),
  tpmPcrs: text(
    "",
    /^$|^(\d|1\d|2[0-3])(,(\d|1\d|2[0-3])){0,7}$/,
    "PCRs (7, or 0,7) that must be as they were for the keys to open. Empty: however the machine was started. Remembered too.",
  ),
  flowhostHeapMb: int(128, 32, 2048, "MB", "Heap limit of the flow host."),
  keeperHeapMb: int(96, 32, 2048, "MB", "Heap limit of the keeper."),
  bedsideHeapMb: int(160, 32, 2048, "MB", "Heap limit of bedside."),
  listenerHeapMb: int(64, 32, 2048, "MB", "Heap limit of the listener."),
} as const satisfies Record<string, SettingSpec>;

export type SettingName = keyof typeof SETTINGS;
export type Settings = {
  readonly [Name in SettingName]: (typeof SETTINGS)[Name] extends IntegerSpec ? number : string;
};

/** The environment variable of a setting: `commitMs` is `WARD_COMMIT_MS`. */
export function variableOf(name: string): string {
  return `WARD_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/**
 * Reads all settings. Throws one WardError `WARD_SETTINGS` that lists every problem at once: values that do not fit and
 * names that do not exist (only WARD_* variables listed in `otherVariables` may be unknown here).
 */
export function readSettings(
  file: unknown,
  environment: Readonly<Record<string, string | undefined>>,
): Settings {
  const problems: string[] = [];
  const values = new Map<string, unknown>(
    Object.entries(SETTINGS).map(([name, spec]) => [name, spec.default]),
  );
  for (const [name, value] of fileEntries(file, problems)) {
    if (!values.has(name)) {
      problems.push(`setting "${name}" of the settings file does not exist`);
    } else {
      values.set(name, value);
    }
  }
  for (const name of Object.keys(SETTINGS)) {
    const given = environment[variableOf(name)];
    if (given !== undefined && given !== "") {
      values.set(name, given);
    }
  }
  const settings: Record<string, number | string> = {};
  for (const [name, spec] of Object.entries(SETTINGS)) {
    settings[name] = checked(name, spec, values.get(name), problems);
  }
  problems.push(...shareProblems(settings));
  if (problems.length > 0) {
    throw new WardError("WARD_SETTINGS", `Cannot use the settings: ${problems.join("; ")}.`);
  }
  if (!isSettings(settings)) {
    throw new WardError("WARD_INTERNAL", "Cannot use the settings: the table is incomplete.");
  }
  return settings;
}

/** What no class is sure of is left to tallies and gap records, which are never given up. */
function shareProblems(settings: Readonly<Record<string, number | string>>): string[] {
  const names = CLASSES.map((name) => `${name}Percent`);
  const sum = names.reduce((total, name) => total + Number(settings[name]), 0);
  return sum > SHARES_MAX
    ? [`${names.join(", ")} are ${sum} % together, more than ${SHARES_MAX} %`]
    : [];
}

function fileEntries(file: unknown, problems: string[]): [string, unknown][] {
  if (file === undefined) {
    return [];
  }
  if (typeof file !== "object" || file === null || Array.isArray(file)) {
    problems.push("the settings file is not a JSON object");
    return [];
  }
  return Object.entries(file);
}

function checked(
  name: string,
  spec: SettingSpec,
  given: unknown,
  problems: string[],
): number | string {
  if (spec.type === "text") {
    if (typeof given === "string" && spec.pattern.test(given)) {
      return given;
    }
    problems.push(`${name} (${variableOf(name)}) does not look like ${spec.pattern.source}`);
    return spec.default;
  }
  const number = typeof given === "string" && /^\d{1,15}$/.test(given) ? Number(given) : given;
  if (
    typeof number === "number" &&
    Number.isInteger(number) &&
    number >= spec.minimum &&
    number <= spec.maximum
  ) {
    return number;
  }
  problems.push(
    `${name} (${variableOf(name)}) must be a whole number of ${spec.unit} from ${spec.minimum} to ${spec.maximum}`,
  );
  return spec.default;
}

function isSettings(values: Record<string, number | string>): values is Settings {
  return Object.keys(SETTINGS).every((name) => name in values);
}
