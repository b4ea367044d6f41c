import { readFile } from "node:fs/promises";

/**
 * Proportional set size in MB of each process: memory shared between rooms (the Node.js binary, for one) is counted once over
 * all of them. Processes that are gone, or belong to another user, are left out.
 */
export async function memoryOf(
  pids: Readonly<Record<string, number>>,
): Promise<Record<string, number>> {
  const entries = await Promise.all(
    Object.entries(pids).map(async ([name, pid]): Promise<[string, number | null]> => [
      name,
      await pssMb(pid),
    ]),
  );
  return Object.fromEntries(
    entries.filter((entry): entry is [string, number] => entry[1] !== null),
  );
}

/** The same, looked at anew at most every five seconds: the kernel walks all pages of a process for it, some milliseconds each. */
export class MemoryWatch {
  #mb: Readonly<Record<string, number>> = {};
  #at = -Infinity;

  async of(pids: Readonly<Record<string, number>>): Promise<Readonly<Record<string, number>>> {
    const now = performance.now();
    if (now - this.#at >= LOOK_MS) {
      this.#at = now;
      this.#mb = await memoryOf(pids);
    }
    return this.#mb;
  }
}

const LOOK_MS = 5000;

async function pssMb(pid: number): Promise<number | null> {
  if (pid === 0) {
    return null;
  }
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
  const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1];
  return kilobytes === undefined ? null : Math.round(Number(kilobytes) / 102.4) / 10;
}
