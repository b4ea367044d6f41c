import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";

import { errorCode, errorText, WardError } from "./errors.ts";

/**
 * One gateway (or hub) per data directory. The lock is an abstract UNIX socket: the kernel drops it with the process, so
 * there is no stale lock after a power cut.
 *
 * Anybody on the machine may take such a name, so the holder proves itself: it answers a challenge with a secret that lies
 * in the directory (mode 0600). A name that a stranger holds is passed over for the next one. Throws WardError
 * `WARD_DATA_LOCKED`.
 */
export async function lockDataDirectory(directory: string): Promise<{ release(): void }> {
  const secret = secretOf(directory);
  const id = createHash("sha256").update(realpathSync(directory)).digest("hex").slice(0, 32);
  for (let place = 0; place < NAMES; place += 1) {
    const name = `\0wardgate-data-${id}-${place}`;
    const server = createServer((socket) => proveOurselves(socket, secret));
    if (await canListen(server, name, directory)) {
      server.unref();
      return { release: () => void server.close() };
    }
    if (await isOurs(name, secret)) {
      throw locked(directory, "another process is running on it. Stop that one first");
    }
  }
  throw locked(directory, "strangers hold all its lock names. Look for them with: ss -xlp");
}

const NAMES = 8;
const SECRET_FILE = "lock.secret";
const SECRET_BYTES = 32;
const CHALLENGE_BYTES = 32;
const PROOF_BYTES = 32;
/** How long whoever connects may take to ask. */
const ASK_MS = 1000;
/** How long the holder may take to answer: one that is busy must not be taken for a stranger, or there would be two of us. */
const ANSWER_MS = 10_000;

function secretOf(directory: string): Buffer {
  const path = join(directory, SECRET_FILE);
  try {
    writeFileSync(path, randomBytes(SECRET_BYTES), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") {
      throw locked(directory, errorText(error), error);
    }
  }
  return readFileSync(path);
}

function canListen(server: Server, name: string, directory: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code === "EADDRINUSE") {
        resolve(false);
      } else {
        reject(locked(directory, cause.message, cause));
      }
    });
    server.listen(name, () => resolve(true));
  });
}

function proveOurselves(socket: Socket, secret: Buffer): void {
  socket.setTimeout(ASK_MS, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.once("data", (challenge: Buffer) => {
    if (challenge.length === CHALLENGE_BYTES) {
      socket.end(proofOf(secret, challenge));
    } else {
      socket.destroy();
    }
  });
}

function isOurs(name: string, secret: Buffer): Promise<boolean> {
  const challenge = randomBytes(CHALLENGE_BYTES);
  return new Promise((resolve) => {
    const socket = connect(name);
    const end = (ours: boolean): void => {
      socket.destroy();
      resolve(ours);
    };
    socket.setTimeout(ANSWER_MS, () => end(false));
    socket.on("error", () => end(false));
    socket.on("end", () => end(false));
    socket.on("connect", () => socket.write(challenge));
    socket.once("data", (proof: Buffer) => {
      end(proof.length === PROOF_BYTES && timingSafeEqual(proof, proofOf(secret, challenge)));
    });
  });
}

function proofOf(secret: Buffer, challenge: Buffer): Buffer {
  return createHmac("sha256", secret).update("wardgate/lock/1").update(challenge).digest();
}

function locked(directory: string, why: string, cause?: unknown): WardError {
  return new WardError("WARD_DATA_LOCKED", `Cannot use the data directory ${directory}: ${why}.`, {
    cause,
  });
}
