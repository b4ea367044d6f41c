import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { WardError } from "../errors.ts";
import { House } from "../house/house.ts";
import { textAt } from "../json-value.ts";
import { memoryOf } from "../memory.ts";
import { ROOMS } from "../rooms.ts";
import { readSettings, type Settings } from "../settings.ts";
import { loadSite } from "../house/site.ts";
import type { Command, CommandIo } from "./command.ts";
import { serveControl } from "../house/control.ts";
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
  const house = new House({
    dataDirectory,
    settings: await settingsOf(values.settings),
    site: await loadSite(dataDirectory),
    editor: !values["no-editor"],
  });
  const say = sayer(io, values.json);
  house.on("room", ({ room, state, pid, text }) => say({ event: "room", room, state, pid, text }));
  house.on("notice", ({ notice, text }) => say({ event: "notice", notice, text }));
  try {
    await house.start();
    await serve(house, { dataDirectory, say, json: values.json, stop: io.stop });
  } finally {
    await house.stop();
  }
  say({ ...(await report(house)), event: "stopped" });
  return 0;
}

const REPORT_MS = 1000;

interface Serving {
  readonly dataDirectory: string;
  readonly say: (line: SaidLine) => void;
  readonly json: boolean;
  readonly stop: AbortSignal;
}

/** What there is to do while the house runs: answer questions, tell, and wait for the end. */
async function serve(house: House, { dataDirectory, say, json, stop }: Serving): Promise<void> {
  // Whatever a room manages to do to main's end of its channel must not take the rest of the house down.
  process.on("uncaughtException", (error) => house.distrust(error));
  const control = await serveControl(dataDirectory, house);
  say({ event: "running", editor: await editorUrl(house), pids: pidsOf(house) });
  const reports = setInterval(() => {
    void tellRegularly(house, say, json);
  }, REPORT_MS);
  await stopped(stop);
  clearInterval(reports);
  control.close();
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
    } else if (line["event"] === "notice") {
      io.stdout.write(`${textAt(line, "text")}\n`);
    } else if (line["event"] === "running") {
      io.stdout.write(`The gateway runs. Editor: ${textAt(line, "editor") || "off"}\n`);
    } else if (line["event"] === "login") {
      io.stdout.write(`Next login: ${textAt(line, "editor")}\n`);
    }
  };
}

async function settingsOf(file: string | undefined): Promise<Settings> {
  if (file === undefined) {
    return readSettings(undefined, process.env);
  }
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new WardError("WARD_SETTINGS", `Cannot read the settings file ${file}.`, {
      cause: error,
    });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new WardError("WARD_SETTINGS", `Cannot read the settings file ${file}: not JSON.`, {
      cause: error,
    });
  }
  return readSettings(value, process.env);
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
    memoryMb: await memoryOf({ main: process.pid, ...pids }),
    rooms,
  };
}

function pidsOf(house: House): Record<string, number> {
  return Object.fromEntries(ROOMS.map((room) => [room, house.pid(room)]));
}

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolvePromise) => {
    if (signal.aborted) {
      resolvePromise();
    }
    signal.addEventListener("abort", () => resolvePromise(), { once: true });
  });
}
