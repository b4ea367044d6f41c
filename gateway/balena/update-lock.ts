import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, rmSync, statSync } from "node:fs";

import { errorCode, errorText, WardError } from "../errors.ts";

/**
 * Keeps balena from updating or rebooting for a while. Two locks lie on one path and stop different things, so both are held:
 * that the file exists stops updates of services and reboots for configuration; an flock on it stops reboots of a host update.
 *
 * Node.js has no flock: util-linux's `flock` holds it for as long as its standard input is open, so it ends with this process.
 */
export class UpdateLock {
  readonly #path: string;
  readonly #holder: ChildProcess;

  private constructor(path: string, holder: ChildProcess) {
    this.#path = path;
    this.#holder = holder;
  }

  /**
   * Takes both locks or none. Throws WardError `WARD_UPDATE_LOCK`: somebody else holds one (an update that has begun), or
   * this is no place for locks.
   */
  static async take(path: string = UPDATE_LOCK): Promise<UpdateLock> {
    try {
      closeSync(openSync(path, "wx", 0o644));
    } catch (error) {
      const why = errorCode(error) === "EEXIST" ? "it is held already" : errorText(error);
      throw refused(path, why, error);
    }
    try {
      return new UpdateLock(path, await flock(path));
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    }
  }

  /** Gives both back. Harmless when it was done before. */
  async release(): Promise<void> {
    rmSync(this.#path, { force: true });
    const { exitCode, signalCode } = this.#holder;
    if (exitCode === null && signalCode === null) {
      const ended = once(this.#holder, "close");
      this.#holder.stdin?.end();
      await ended;
    }
  }
}

/**
 * Removes the file that a process of this service left when it was killed: else the box would never be updated again before
 * its next reboot. Only what this user made is removed; the supervisor's own lock belongs to another one.
 */
export function clearStaleLock(path: string = UPDATE_LOCK): void {
  try {
    if (statSync(path).uid === process.getuid?.()) {
      rmSync(path, { force: true });
    }
  } catch (error) {
    if (errorCode(error) !== "ENOENT") {
      throw refused(path, errorText(error), error);
    }
  }
}

/** Where balena looks, in each service's own directory that it mounts there. */
export const UPDATE_LOCK = "/tmp/balena/updates.lock";

/** Resolves with the process that holds the lock, once it does. */
async function flock(path: string): Promise<ChildProcess> {
  const child = spawn("flock", ["--exclusive", "--nonblock", path, "sh", "-c", HOLD], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin.on("error", () => undefined);
  const held = once(child.stdout, "data").then(() => true);
  const ended = once(child, "close").then(() => false);
  try {
    if (await Promise.race([held, ended])) {
      ended.catch(() => undefined);
      return child;
    }
  } catch (error) {
    throw refused(path, `there is no flock (${errorText(error)})`, error);
  }
  throw refused(path, "another program holds the flock");
}

/** Says that the lock is there, then waits for the end of its input. */
const HOLD = "echo held; exec cat >/dev/null";

function refused(path: string, why: string, cause?: unknown): WardError {
  return new WardError("WARD_UPDATE_LOCK", `Cannot hold off updates by ${path}: ${why}.`, {
    cause,
  });
}
