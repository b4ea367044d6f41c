import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import type { BundleEvent, RecordBundleEvent } from "../bundles/record.ts";
import { lockDataDirectory } from "../data-lock.ts";
import { errorText, WardError } from "../errors.ts";
import { House } from "../house/house.ts";
import { HouseHealth } from "../house/house-health.ts";
import { UpdateHold } from "../house/update-hold.ts";
import { textAt } from "../json-value.ts";
import { MemoryWatch } from "../memory.ts";
import { ROOMS } from "../rooms.ts";
import type { Settings } from "../settings.ts";
import { loadSite } from "../house/site.ts";
import { settleKeysToRun } from "../identity/settle-keys.ts";
import { installInChild } from "./bundle-fetch.ts";
import type { Command, CommandIo } from "./command.ts";
import { keyWish, settingsFrom } from "./settings-file.ts";
import { bundleEntry, recordBundle } from "../house/bundle-journal.ts";
import { appendUnderLock } from "./journal-note.ts";
import { followBundleNews } from "../house/bundle-news.ts";
import { BundleTrials } from "../house/bundle-trial.ts";
import { serveControl } from "../house/control.ts";
import { governedSite, openSlots } from "../house/governed-site.ts";
import { editorLogin } from "../house/editor-login.ts";

const help = `Usage: wardgate run --data DIR [--settings FILE] [--no-editor] [--json]

Runs the gateway of a data directory until Ctrl-C or SIGTERM.

  --data DIR        the gateway's data directory: its identity, signed settings and outbox
  --settings FILE   settings as a JSON object; WARD_* variables win over it
  --no-editor       no editor: nothing listens
  --json            one JSON object a line: rooms starting, ready and gone; every second a report
`;

/** `wardgate run`: the gateway itself. */
export const command: Command = { summary: "run the gateway of a data directory", help, run };

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: "string" },
      settings: { type: "string" },
      "no-editor": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  if (values.data === undefined) {
    throw new WardError(
      "WARD_USAGE",
      "Cannot run: --data DIR is missing. Run: wardgate run --help",
    );
  }
  const dataDirectory = resolve(values.data);
  const say = sayer(io, values.json);
  const settings = await settingsFrom(values.settings);
  const site = await loadSite(dataDirectory);
  // Before anything is looked at or changed in it.
  const lock = await lockDataDirectory(dataDirectory);
  try {
    for (const said of settleKeysToRun(join(dataDirectory, "identity"), keyWish(settings))) {
      say({ event: "keys", text: said });
    }
    const before: BundleEvent[] = [];
    // While nothing runs yet there is nobody to write it down: the house does, before a flow runs.
    let record: RecordBundleEvent = async (event) => void before.push(event);
    const slots = await openSlots(dataDirectory, site, (event) => record(event));
    const house = new House({
      dataDirectory,
      settings,
      site: governedSite(site, slots?.running ?? null),
      editor: !values["no-editor"],
    });
    house.on("room", ({ room, state, pid, text }) =>
      say({ event: "room", room, state, pid, text }),
    );
    house.on("notice", ({ notice, text }) => say({ event: "notice", notice, text }));
    const tell = (event: BundleEvent): void =>
      say({ ...event, what: event.event, event: "bundle" });
    record = async (event) => {
      await recordBundle(house.journal, event);
      tell(event);
    };
    for (const event of before) {
      house.journal.note(bundleEntry(event));
      tell(event);
    }
    let givenUp: string | null = null;
    const bundles =
      slots === null ? null : new BundleTrials({ house, slots, site, settings, stop: io.stop });
    house.on("notice", ({ notice }) => {
      if (notice === "flows-off") {
        bundles?.fallBack("its flow ended again and again");
      }
    });
    try {
      await house.start();
      if (site.bundles?.url !== undefined) {
        const fetch = (): Promise<void> => installInChild(dataDirectory, io.stop);
        void followBundleNews({ house, fetch, stop: io.stop });
      }
      const { json } = values;
      const isOnTrial = (): boolean => (slots?.trial ?? null) !== null;
      const hold = new UpdateHold(house, isOnTrial, settings);
      const serving = { dataDirectory, settings, say, json, stop: io.stop, bundles };
      givenUp = await serve(house, serving).finally(() => hold.close());
    } finally {
      bundles?.close();
      if (givenUp !== null) {
        house.journal.note({ kind: "house-given-up", who: "gateway", outcome: "failed", what: {} });
      }
      await house.stop();
      // A keeper that was stuck, or is what ended, has left its own end unwritten.
      await appendUnderLock(dataDirectory, house.journal.unwritten).catch((error: unknown) => {
        say({ event: "notice", notice: "journal", text: errorText(error) });
      });
    }
    say({ ...(await report(house)), event: "stopped" });
    if (givenUp !== null) {
      throw new WardError("WARD_UNHEALTHY", `Cannot go on: ${givenUp}. It is to be started anew.`);
    }
  } finally {
    lock.release();
  }
  return 0;
}

const REPORT_MS = 1000;
const MEMORY = new MemoryWatch();

interface Serving {
  readonly dataDirectory: string;
  readonly settings: Settings;
  readonly say: (line: SaidLine) => void;
  readonly json: boolean;
  readonly stop: AbortSignal;
  readonly bundles: BundleTrials | null;
}

/**
 * What there is to do while the house runs: answer questions, tell, and wait for the end. Returns why the house is past help,
 * or null when it was told to stop.
 */
async function serve(
  house: House,
  { dataDirectory, settings, say, json, stop, bundles }: Serving,
): Promise<string | null> {
  // Whatever a room manages to do to main's end of its channel must not take the rest of the house down.
  process.on("uncaughtException", (error) => house.distrust(error));
  const health = new HouseHealth(house, settings);
  house.tellHealth(() => health.health);
  const control = await serveControl(dataDirectory, {
    ask: (room, what) => house.ask(room, what),
    stats: (room) => house.stats(room),
    facts: (room) => house.facts(room),
    bundles: bundles ?? undefined,
    health: () => health.health,
  });
  bundles?.resume();
  say({ event: "running", editor: await editorUrl(house), pids: pidsOf(house) });
  const reports = setInterval(() => {
    void tellRegularly(house, say, json);
  }, REPORT_MS);
  const givenUp = await Promise.race([stopped(stop), health.givenUp]);
  clearInterval(reports);
  health.close();
  control.close();
  return givenUp;
}

async function tellRegularly(
  house: House,
  say: (line: SaidLine) => void,
  json: boolean,
): Promise<void> {
  if (json) {
    say(await report(house));
  }
  // Only a login that was used calls for the next: nobody needs a new address every 10 minutes.
  const due = await house.ask("listener", "login-due").catch(() => false);
  const editor = due === true ? await editorUrl(house) : null;
  if (editor !== null) {
    say({ event: "login", editor });
  }
}

type SaidLine = Readonly<Record<string, unknown>>;

function sayer(io: CommandIo, json: boolean): (line: SaidLine) => void {
  return (line) => {
    if (json) {
      io.stdout.write(`${JSON.stringify(line)}\n`);
    } else if (line["event"] === "room" && textAt(line, "text") !== "") {
      io.stdout.write(
        `${textAt(line, "room")}: ${textAt(line, "state")} (${textAt(line, "text")})\n`,
      );
    } else if (line["event"] === "notice" || line["event"] === "keys") {
      io.stdout.write(`${textAt(line, "text")}\n`);
    } else if (line["event"] === "running") {
      io.stdout.write(`The gateway runs. Pages: ${textAt(line, "editor") || "off"}\n`);
    } else if (line["event"] === "login") {
      io.stdout.write(`Next login: ${textAt(line, "editor")}\n`);
    }
  };
}

/** The editor's address with a fresh one-time login, or null without an editor. */
function editorUrl(house: House): Promise<string | null> {
  return editorLogin(house).catch(() => null);
}

async function report(house: House): Promise<Record<string, unknown>> {
  const pids = pidsOf(house);
  const rooms = Object.fromEntries(
    ROOMS.map((room) => [
      room,
      { restarts: house.restarts(room), startMs: house.startMs(room), stats: house.stats(room) },
    ]),
  );
  return {
    event: "report",
    at: Date.now(),
    pids,
    memoryMb: await MEMORY.of({ main: process.pid, ...pids }),
    rooms,
  };
}

function pidsOf(house: House): Record<string, number> {
  return Object.fromEntries(ROOMS.map((room) => [room, house.pid(room)]));
}

function stopped(signal: AbortSignal): Promise<null> {
  return new Promise((resolvePromise) => {
    if (signal.aborted) {
      resolvePromise(null);
    }
    signal.addEventListener("abort", () => resolvePromise(null), { once: true });
  });
}
