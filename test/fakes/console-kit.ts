import { Passwords } from "../../gateway/access/password.ts";
import { Console, type ConsoleOptions } from "../../gateway/console/console.ts";
import { factsOf } from "../../gateway/console/main-answers.ts";
import { consoleFacts } from "../../gateway/house/console-facts.ts";
import type { JournalEvent } from "../../gateway/journal/event.ts";

/** Devices of the fake ward, and how they do. */
export const DEVICES: readonly string[] = ["bed-1/monitor", "bed-2/monitor", "bed-7/pump"];

export interface ConsoleKit {
  readonly console: Console;
  readonly journalled: JournalEvent[];
  /** Steady milliseconds; add to it. */
  clock: number;
  /** What cannot be written down, or null. */
  journalProblem: Error | null;
  /** The document of accounts as it was last saved. */
  accounts: string | null;
  readonly watched: (readonly [on: boolean, waves: readonly string[]])[];
}

/** A console with a main that keeps everything in memory. */
export function openConsole(options: Partial<ConsoleOptions> = {}): ConsoleKit {
  const kit: Omit<ConsoleKit, "console"> = {
    journalled: [],
    clock: 0,
    journalProblem: null,
    accounts: null,
    watched: [],
  };
  const console = new Console({
    gateway: "ward-3",
    authoring: true,
    wards: [
      { ward: "north", beds: ["bed-1", "bed-2"] },
      { ward: "south", beds: ["bed-7"] },
    ],
    query: async (what, argument) => {
      switch (what) {
        case "facts":
          return someFacts();
        case "accounts":
          return { text: kit.accounts };
        case "save-accounts":
          kit.accounts = Buffer.from(argument, "base64").toString("utf8");
          return { saved: true };
        case "journal":
          return { size: 1, entries: [] };
      }
    },
    journal: async (event) => {
      if (kit.journalProblem !== null) {
        throw kit.journalProblem;
      }
      kit.journalled.push(event);
    },
    watch: (on, waves) => void kit.watched.push([on, waves]),
    now: () => kit.clock,
    passwords: new Passwords({ memory: 64, passes: 1 }),
    ...options,
  });
  return Object.assign(kit, { console });
}

/** Facts of a ward where all is well. */
export function someFacts(): ReturnType<typeof factsOf> {
  const line = { state: "online", text: "", since: 0, rate: 1, badBytes: 0 };
  return consoleFacts({
    gateway: "ward-3",
    at: Date.now(),
    health: { state: "good", text: "3 devices deliver", forMs: 0 },
    broker: "mqtts://broker:8883",
    rooms: [{ room: "flowhost", running: true, restarts: 0 }],
    notices: [{ at: 1, device: "", notice: "room-restarted", text: "The flow host ended." }],
    bedside: { lines: Object.fromEntries(DEVICES.map((device) => [device, line])) },
    keeper: { connected: true, certificateEnd: 4e12, freeBytes: 1e9 },
  });
}
