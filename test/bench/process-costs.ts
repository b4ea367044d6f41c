import { readFileSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** Clock ticks a second in /proc/PID/stat: 100 on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100;

/** CPU seconds a process has used so far, user and system, all its threads; 0 when it is gone. See proc_pid_stat(5). */
export function cpuSeconds(pid: number): number {
  const text = textOf(`/proc/${pid}/stat`);
  // The second field is a name in brackets and may hold anything; user and system time are the 12th and 13th after it.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
}

/** Bytes that a process has caused to be written to the disk itself so far, see proc_pid_io(5); 0 when it is gone. */
export function writtenBytes(pid: number): number {
  return Number(/^write_bytes: (\d+)$/m.exec(textOf(`/proc/${pid}/io`))?.[1] ?? 0);
}

/** Bytes of all files in a directory. */
export async function directoryBytes(directory: string): Promise<number> {
  const names = await readdir(directory);
  const sizes = await Promise.all(
    names.map(async (name) => {
      // LevelDB removes files at any time.
      const file = await stat(join(directory, name)).catch(() => null);
      return file?.size ?? 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
