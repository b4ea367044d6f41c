import { spawn } from "node:child_process";
import { once } from "node:events";

import { errorText, WardError } from "../errors.ts";

/** A pseudo terminal: what is sent here comes out of the serial port at `path`, and the other way round. */
export interface Pty {
  /** The port to read, for example `/dev/pts/7`. */
  readonly path: string;
  /** Puts bytes on the line. When nobody reads for long, they are lost as on a real line. */
  readonly send: (bytes: Uint8Array) => void;
  /** Pulls the cable: the port is gone afterwards. */
  readonly close: () => Promise<void>;
}

/**
 * Makes a pseudo terminal with `script` of util-linux, which every Debian has, since Node.js cannot make one itself. `onBytes` gets
 * what the gateway writes to the port. Throws WardError `WARD_NO_PTY`.
 */
export async function openPty(
  onBytes: (bytes: Uint8Array) => void = () => undefined,
): Promise<Pty> {
  // A process group of its own: Ctrl-C reaches only the parent, which then closes its ports in order.
  const child = spawn(PTY_PROGRAM, ["-qfc", HOLD_PORT, "/dev/null"], {
    stdio: ["pipe", "pipe", "ignore"],
    detached: true,
  });
  child.stdin.on("error", () => undefined);
  child.stdout.on("error", () => undefined);
  const gone = once(child, "close").catch(() => undefined);
  const path = await portPath(child.stdout, gone);
  if (path === null) {
    child.kill("SIGKILL");
    throw new WardError(
      "WARD_NO_PTY",
      `Cannot make a pseudo terminal: "script" did not start. Install the package bsdutils (util-linux), or use --line tcp.`,
    );
  }
  child.stdout.on("data", onBytes);
  return {
    path,
    send: (bytes) => {
      if (child.stdin.writable && child.stdin.writableLength <= BACKLOG_BYTES_MAX) {
        child.stdin.write(bytes);
      }
    },
    close: async () => {
      child.kill("SIGKILL");
      child.stdin.destroy();
      child.stdout.destroy();
      await gone;
    },
  };
}

/** Part of util-linux (Debian: bsdutils), on every Debian. */
const PTY_PROGRAM = "script";
/** Makes the port transparent for all bytes, tells its path, and keeps it there as long as this process lives. */
const HOLD_PORT = `stty raw -echo; tty; while kill -0 ${process.pid} 2>/dev/null; do sleep 2; done`;
const BACKLOG_BYTES_MAX = 4096;
const START_MS = 5000;

async function portPath(
  output: NodeJS.ReadableStream,
  gone: Promise<unknown>,
): Promise<string | null> {
  const found = Promise.withResolvers<string | null>();
  const timer = setTimeout(() => found.resolve(null), START_MS);
  let text = "";
  const read = (bytes: Buffer): void => {
    text += bytes.toString("latin1");
    const path = /(\/dev\/pts\/\d+)\r?\n/.exec(text)?.[1];
    if (path !== undefined) {
      found.resolve(path);
    }
  };
  output.on("data", read);
  try {
    return await Promise.race([found.promise, gone.then(() => null)]);
  } catch (error) {
    throw new WardError("WARD_NO_PTY", `Cannot make a pseudo terminal: ${errorText(error)}.`);
  } finally {
    clearTimeout(timer);
    output.off("data", read);
  }
}
