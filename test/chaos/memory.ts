import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";

/** Memory that a process has for itself and that is no copy of a file (megabytes). */
export function anonymousMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const [, kilobytes = "0"] = /^RssAnon:\s+(\d+) kB$/m.exec(status) ?? [];
  return Number(kilobytes) / 1024;
}

/** A control group that lets its processes have so many bytes, file cache counted; null where none can be made. */
export class MemoryLimit {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static make(bytes: number): MemoryLimit | null {
    const name = `wardgate-chaos-${process.pid}`;
    const old = `/sys/fs/cgroup/memory/${name}`;
    const isOld = existsSync("/sys/fs/cgroup/memory/memory.limit_in_bytes");
    const directory = isOld ? old : `/sys/fs/cgroup/${name}`;
    try {
      mkdirSync(directory);
      const file = isOld ? "memory.limit_in_bytes" : "memory.max";
      writeFileSync(`${directory}/${file}`, String(bytes));
      return new MemoryLimit(directory);
    } catch {
      return null;
    }
  }

  add(pid: number): void {
    writeFileSync(`${this.#directory}/cgroup.procs`, String(pid));
  }

  /** After its processes have ended. */
  remove(): void {
    rmdirSync(this.#directory);
  }
}
