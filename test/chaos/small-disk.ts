import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

import { errorCode } from "../../gateway/errors.ts";

/** A small real disk with ext4, on a loop device, that can be filled to its last byte. Needs root. */
export class SmallDisk {
  /** Where the file system is mounted. */
  readonly mountPoint: string;
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
    this.mountPoint = join(root, "mounted");
  }

  /** Makes and mounts it. */
  static make(bytes: number): SmallDisk {
    const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
    const root = mkdtempSync(join(memory, "wardgate-small-"));
    const disk = new SmallDisk(root);
    const image = join(root, "image");
    mkdirSync(disk.mountPoint);
    writeFileSync(image, "");
    truncateSync(image, bytes);
    // Nothing kept back for root: full is full.
    execFileSync("mkfs.ext4", ["-qF", "-m", "0", image]);
    execFileSync("mount", ["-o", "loop", image, disk.mountPoint]);
    return disk;
  }

  /** Takes all space that is left, and what others give back meanwhile; again and again, until `enough`. */
  async fill(enough: () => boolean, pause: () => Promise<unknown>): Promise<void> {
    const file = openSync(this.#filler, "a");
    try {
      while (!enough()) {
        fillFile(file);
        await pause();
      }
    } finally {
      closeSync(file);
    }
  }

  /** Gives the space back. */
  free(): void {
    rmSync(this.#filler, { force: true });
  }

  remove(): void {
    execFileSync("umount", [this.mountPoint]);
    rmSync(this.#root, { recursive: true, force: true });
  }

  get #filler(): string {
    return join(this.mountPoint, "filler");
  }
}

/** Why no disk can be filled here, or null. */
export function cannotFill(): string | null {
  return process.getuid?.() === 0 && existsSync("/dev/loop-control")
    ? null
    : "needs root and loop devices (mount)";
}

const BLOCK = Buffer.alloc(4096, 0x66);

function fillFile(file: number): void {
  try {
    for (;;) {
      writeSync(file, BLOCK);
    }
  } catch (error) {
    if (errorCode(error) !== "ENOSPC") {
      throw error;
    }
  }
  try {
    fsyncSync(file);
  } catch {
    // Full as it is, it may say so here again.
  }
}
