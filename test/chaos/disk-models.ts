import type { DiskStep } from "./disk-trace.ts";

/**
 * A disk that remembers which writes and names were made durable, so that a power cut can be played at any step. What a cut
 * leaves is decided by a model of the file system:
 *
 * - `strict`: what POSIX promises and nothing more. Bytes that were not synced are gone; so are names made, changed or removed
 *   since the last fsync of their directory.
 * - `torn`: names survive up to a random one. Of unsynced bytes any 512-byte sectors survive, the others are zeros, and the
 *   file ends anywhere.
 * - `ordered`: as ext4 and XFS do. Any sync commits all names before it, and names survive up to a random one after that;
 *   unsynced bytes survive up to a random place, or none do.
 */
export const DISK_MODELS = ["strict", "torn", "ordered"] as const;
export type DiskModel = (typeof DISK_MODELS)[number];

export class ModelDisk {
  readonly #root: string;
  /** Open files of the process that runs. */
  #open: Map<number, OpenFile> = new Map();
  /** The names that are there now. */
  #names: Map<string, ModelFile> = new Map();
  readonly #changes: NameChange[] = [];
  /** Changes before this one are durable in the model `ordered`. */
  #committed = 0;

  /** Looks at nothing but what lies below `root`. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Another process begins: it has no open files. */
  restart(): void {
    this.#open = new Map();
  }

  /** Takes one step of the process. Returns true when it changed what the disk holds. */
  take(step: DiskStep): boolean {
    switch (step.do) {
      case "open":
        return this.#opened(step);
      case "write":
        return this.#written(step.fd, step.bytes);
      case "sync":
        return this.#synced(step.fd);
      case "close":
        this.#open.delete(step.fd);
        return false;
      case "rename":
        return this.#renamed(step.from, step.to);
      case "link":
        return this.#linked(step.from, step.to);
      case "unlink":
        return this.#isBelow(step.path) && this.#change([[step.path, null]]);
      case "mkdir":
        return false;
    }
  }

  /** The files that a power cut now leaves, by path. */
  cut(model: DiskModel, random: () => number): Map<string, Buffer> {
    const names = this.#namesAfter(model, random);
    return new Map([...names].map(([path, file]) => [path, file.after(model, random)]));
  }

  #opened({ fd, path, create, truncate, synced }: DiskStep & { do: "open" }): boolean {
    this.#open.delete(fd);
    if (!this.#isBelow(path)) {
      return false;
    }
    const known = this.#names.get(path);
    if (known === undefined && !create) {
      this.#open.set(fd, { path, file: null, synced });
      return false;
    }
    const file = known ?? new ModelFile();
    this.#open.set(fd, { path, file, synced });
    if (truncate) {
      file.truncate();
    }
    return known === undefined ? this.#change([[path, file]]) : truncate;
  }

  #written(fd: number, bytes: Buffer): boolean {
    const open = this.#open.get(fd);
    if (open === undefined || open.file === null) {
      return false;
    }
    open.file.append(bytes);
    return open.synced ? this.#synced(fd) : true;
  }

  #synced(fd: number): boolean {
    const open = this.#open.get(fd);
    if (open === undefined) {
      return false;
    }
    open.file?.sync();
    this.#committed = this.#changes.length;
    for (const change of this.#changes) {
      change.durable ||= change.parents.has(open.path);
    }
    return true;
  }

  /** A file, or a directory with all that lies in it. */
  #renamed(from: string, to: string): boolean {
    const moved = [...this.#names].filter(([path]) => path === from || path.startsWith(`${from}/`));
    return (
      moved.length > 0 &&
      this.#change(
        moved.flatMap(([path, file]): NameChange["names"] => [
          [path, null],
          [to + path.slice(from.length), file],
        ]),
        [parentOf(from), parentOf(to)],
      )
    );
  }

  #linked(from: string, to: string): boolean {
    const file = this.#names.get(from);
    return file !== undefined && this.#change([[to, file]]);
  }

  /** `parents`: the directories whose fsync makes it durable. */
  #change(
    names: NameChange["names"],
    parents: readonly string[] = names.map(([path]) => parentOf(path)),
  ): boolean {
    this.#changes.push({ names, parents: new Set(parents), durable: false });
    this.#names = applied(this.#names, [{ names }]);
    return true;
  }

  #namesAfter(model: DiskModel, random: () => number): Map<string, ModelFile> {
    const last = this.#changes.findLastIndex(({ durable }) => durable) + 1;
    const from = model === "ordered" ? Math.max(last, this.#committed) : last;
    const kept = from + Math.floor(random() * (this.#changes.length - from + 1));
    return applied(
      new Map(),
      this.#changes.filter(({ durable }, place) => (model === "strict" ? durable : place < kept)),
    );
  }

  #isBelow(path: string): boolean {
    return path.startsWith(this.#root);
  }
}

/** A file's bytes: what was synced, and what came after. Files here only grow, or are cut to nothing. */
class ModelFile {
  #synced: Buffer[] = [];
  #unsynced: Buffer[] = [];
  #truncated = false;

  append(bytes: Buffer): void {
    this.#unsynced.push(bytes);
  }

  truncate(): void {
    this.#unsynced = [];
    this.#truncated = true;
  }

  sync(): void {
    if (this.#truncated) {
      this.#synced = [];
    }
    this.#synced.push(...this.#unsynced);
    this.#unsynced = [];
    this.#truncated = false;
  }

  /** What a power cut leaves. */
  after(model: DiskModel, random: () => number): Buffer {
    const rest = Buffer.concat(this.#unsynced);
    if (model === "strict" || (this.#truncated && random() < 0.5)) {
      return Buffer.concat(this.#synced);
    }
    const before = this.#truncated ? [] : this.#synced;
    const kept = rest.subarray(0, Math.floor(random() * (rest.length + 1)));
    if (model === "ordered") {
      return Buffer.concat(random() < 0.3 ? before : [...before, kept]);
    }
    const from = before.reduce((sum, { length }) => sum + length, 0);
    return Buffer.concat([...before, tornOf(kept, from, random)]);
  }
}

/** `from`: where in the file the bytes lie. */
function tornOf(bytes: Buffer, from: number, random: () => number): Buffer {
  const torn = Buffer.from(bytes);
  for (let at = -(from % SECTOR_BYTES); at < torn.length; at += SECTOR_BYTES) {
    if (random() < 0.5) {
      torn.subarray(Math.max(0, at), at + SECTOR_BYTES).fill(0);
    }
  }
  return torn;
}

const SECTOR_BYTES = 512;

interface OpenFile {
  readonly path: string;
  /** Null for a directory. */
  readonly file: ModelFile | null;
  readonly synced: boolean;
}

interface NameChange {
  readonly names: readonly (readonly [path: string, file: ModelFile | null])[];
  readonly parents: ReadonlySet<string>;
  durable: boolean;
}

function applied(
  names: ReadonlyMap<string, ModelFile>,
  changes: readonly Pick<NameChange, "names">[],
): Map<string, ModelFile> {
  const after = new Map(names);
  for (const [path, file] of changes.flatMap((change) => change.names)) {
    if (file === null) {
      after.delete(path);
    } else {
      after.set(path, file);
    }
  }
  return after;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
