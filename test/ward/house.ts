import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { ownCommand } from "../../gateway/demo/child.ts";
import { Demo, type DemoOptions } from "../../gateway/demo/demo.ts";
import { numberAt } from "../../gateway/json-value.ts";
import type { RoomName } from "../../gateway/rooms.ts";

/** A whole house for a test: the demo, quiet. */
export async function openHouse(options: Partial<DemoOptions> = {}): Promise<Demo> {
  return Demo.open(
    { beds: 6, seed: 7, broker: "embedded", editorPort: 0, directory: null, ...options },
    () => undefined,
  );
}

/** Waits until `is` holds, looking every 100 ms; throws after `withinMs`. */
export async function until(what: string, is: () => boolean, withinMs = 30_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!is()) {
    if (Date.now() > end) {
      throw new Error(`${what}: not within ${withinMs} ms`);
    }
    await sleep(100);
  }
}

/** The process of a room of the gateway, as its last report says; 0 when there is none. */
export function roomPid(demo: Demo, room: RoomName): number {
  return numberAt(demo.latest("gateway"), "pids", room);
}

/** Ends a room as a power cut would, and waits until another process has taken its place and reports. */
export async function killRoom(demo: Demo, room: RoomName): Promise<void> {
  await until(`${room} runs`, () => roomPid(demo, room) !== 0);
  const pid = roomPid(demo, room);
  process.kill(pid, "SIGKILL");
  await until(`${room} is back`, () => ![0, pid].includes(roomPid(demo, room)));
}

/** Waits until at least `more` further items have been opened at the hub. */
export async function moreOpened(demo: Demo, more: number): Promise<void> {
  const from = demo.numbers().opened;
  await until(`${more} more items at the hub`, () => demo.numbers().opened >= from + more);
}

/** What `wardgate hub ledger` says of a hub's directory. */
export async function ledgerOf(directory: string): Promise<unknown> {
  const [program = "", ...args] = ownCommand(
    "hub",
    "ledger",
    "--directory",
    join(directory, "hub"),
    "--json",
  );
  const { stdout } = await promisify(execFile)(program, args).catch((error: unknown) => {
    // Exit code 3 says that something is unaccounted; the report is there all the same.
    if (typeof error === "object" && error !== null && "stdout" in error && error.stdout !== "") {
      return { stdout: String(error.stdout) };
    }
    throw error;
  });
  return JSON.parse(stdout);
}
