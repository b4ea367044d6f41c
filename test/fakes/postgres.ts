import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chownSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** Debian's PostgreSQL with a cluster of its own in a temporary directory, reached by a socket in it. */
export interface RunningPostgres {
  /** `postgres://...` of the superuser, without a password: none is needed. */
  readonly url: string;
  /** The same over loopback, where a password is asked for. */
  readonly passwordUrl: string;
  readonly password: string;
  /** Ends it at once, as a crash does, and starts it again. */
  crash(): Promise<void>;
  /** Starts it again with other settings. */
  restart(settings: readonly string[]): Promise<void>;
  /** Makes an empty database and gives its URL. */
  database(name: string): string;
  stop(): Promise<void>;
}

/** PostgreSQL refuses to run as root. */
const OWNER = "postgres";
const PASSWORD = "correct horse: battery@staple";

export async function startPostgres(port: number): Promise<RunningPostgres> {
  const bin = binaries();
  const root = mkdtempSync(join(tmpdir(), "wardgate-postgres-"));
  const data = join(root, "data");
  const owner = ownerIds();
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(join(root, "password"), `${PASSWORD}\n`);
  if (owner !== null) {
    for (const path of [root, data, join(root, "password")]) {
      chownSync(path, owner.uid, owner.gid);
    }
  }
  const options = { cwd: root, ...owner };
  execFileSync(
    join(bin, "initdb"),
    [
      "-D",
      data,
      "--username",
      OWNER,
      "--encoding=UTF8",
      "--no-locale",
      "--no-sync",
      "--auth-local=trust",
      "--auth-host=scram-sha-256",
      `--pwfile=${join(root, "password")}`,
    ],
    { ...options, stdio: "ignore" },
  );
  let child: ChildProcess | null = null;
  const start = async (settings: readonly string[]): Promise<void> => {
    const given = ["listen_addresses=127.0.0.1", `port=${port}`, ...SETTINGS, ...settings];
    const started = spawn(
      join(bin, "postgres"),
      ["-D", data, "-k", root, ...given.flatMap((setting) => ["-c", setting])],
      { ...options, stdio: ["ignore", "ignore", "pipe"] },
    );
    child = started;
    await ready(started, started.stderr);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill(signal);
      await ended;
    }
  };
  const urlOf = (name: string): string =>
    `postgres:///${name}?host=${encodeURIComponent(root)}&port=${port}&user=${OWNER}`;
  await start([]);
  return {
    url: urlOf("postgres"),
    passwordUrl: `postgres://${OWNER}@127.0.0.1:${port}/postgres`,
    password: PASSWORD,
    async crash() {
      await end("SIGQUIT");
      await start([]);
    },
    async restart(settings) {
      await end("SIGINT");
      await start(settings);
    },
    database(name) {
      const where = ["-h", root, "-p", String(port), "-U", OWNER];
      execFileSync(join(bin, "psql"), [...where, "-qc", `CREATE DATABASE ${name}`, "postgres"]);
      return urlOf(name);
    },
    async stop() {
      await end("SIGINT");
      rmSync(root, { recursive: true, force: true });
    },
  };
}

const SETTINGS = ["shared_buffers=16MB", "max_connections=40", "logging_collector=off"];

function binaries(): string {
  const [newest] = globSync("/usr/lib/postgresql/*/bin/postgres").sort().toReversed();
  if (newest === undefined) {
    throw new Error("PostgreSQL is not installed");
  }
  return join(newest, "..");
}

/** Null when we may run it ourselves. */
function ownerIds(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) {
    return null;
  }
  const id = (what: string): number => Number(execFileSync("id", [what, OWNER]).toString());
  return { uid: id("-u"), gid: id("-g") };
}

async function ready(child: ChildProcess, stderr: Readable): Promise<void> {
  const log: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  createInterface({ input: stderr }).on("line", (line) => {
    log.push(line);
    if (line.includes("database system is ready to accept connections")) {
      resolve();
    }
  });
  child.once("error", reject);
  child.once("exit", () => reject(new Error(`PostgreSQL ended:\n${log.join("\n")}`)));
  await promise;
}
