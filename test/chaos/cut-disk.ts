import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * A disk with ext4 whose power can be cut: a block device that keeps writes to itself until it is told to flush, as the cache
 * of a real disk does. nbdkit (the cache) serves nbdfuse (a file), which carries a loop device. Killing nbdkit drops every
 * write that was not flushed. Needs root.
 */
export class CutDisk {
  /** Where the file system is mounted. */
  readonly mountPoint: string;
  readonly #root: string;
  #power: ChildProcess | null = null;
  #fuse: ChildProcess | null = null;
  #device: string | null = null;

  private constructor(root: string) {
    this.#root = root;
    this.mountPoint = join(root, "mounted");
  }

  /** Makes an empty disk; it is not powered yet. */
  static make(): CutDisk {
    const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
    const disk = new CutDisk(mkdtempSync(join(memory, "wardgate-cuts-")));
    mkdirSync(disk.mountPoint);
    mkdirSync(join(disk.#root, "fuse"));
    const image = join(disk.#root, "image");
    writeFileSync(image, "");
    truncateSync(image, DISK_BYTES);
    execFileSync("mkfs.ext4", ["-qF", "-E", "lazy_itable_init=0,lazy_journal_init=0", image]);
    return disk;
  }

  /** Switches on and mounts; the file system repairs itself from its journal. */
  async on(): Promise<void> {
    const [socket, fuse] = [join(this.#root, "socket"), join(this.#root, "fuse", "disk")];
    rmSync(socket, { force: true });
    const image = join(this.#root, "image");
    const failing = ["error-pwrite-rate=100%", `error-pwrite-file=${this.#failing}`];
    const filters = ["--filter=error", "--filter=cache", "file", image, "cache=writeback"];
    const server = ["-f", "--unix", socket, ...filters, ...failing];
    rmSync(this.#failing, { force: true });
    this.#power = spawn("nbdkit", server, { stdio: "ignore" });
    await appears(socket, this.#power);
    this.#fuse = spawn("nbdfuse", [fuse, `nbd+unix:///?socket=${socket}`], { stdio: "ignore" });
    await appears(fuse, this.#fuse);
    this.#device = execFileSync("losetup", ["-f", "--show", fuse]).toString().trim();
    execFileSync("mount", ["-t", "ext4", this.#device, this.mountPoint]);
  }

  /** From here until the power is cut every write to the disk fails. */
  fail(): void {
    writeFileSync(this.#failing, "");
  }

  /** Cuts the power: from here on nothing more reaches the disk. What used it must be ended before `off`. */
  async cut(): Promise<void> {
    await ended(this.#power);
    this.#power = null;
  }

  /** Takes away what a disk without power leaves behind. */
  async off(): Promise<void> {
    await this.cut();
    quietly("umount", ["-l", this.mountPoint]);
    quietly("losetup", ["-d", this.#device ?? ""]);
    await ended(this.#fuse);
    quietly("umount", ["-l", join(this.#root, "fuse")]);
    this.#fuse = null;
    this.#device = null;
  }

  /** While this file is there, writes fail. */
  get #failing(): string {
    return join(this.#root, "failing");
  }

  async remove(): Promise<void> {
    await this.off();
    // Never into a mounted file system.
    assert.ok(!readFileSync("/proc/mounts", "utf8").includes(this.#root));
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/** Why no power can be cut here, or null. */
export function cannotCut(): string | null {
  if (process.getuid?.() !== 0) {
    return "needs root (mount, losetup)";
  }
  const missing = ["/dev/fuse", "/dev/loop-control"].filter((path) => !existsSync(path));
  const programs = ["nbdkit", "nbdfuse", "losetup", "mkfs.ext4"].filter((name) => !isThere(name));
  const all = [...missing, ...programs];
  return all.length === 0 ? null : `needs ${all.join(", ")}`;
}

const DISK_BYTES = 128 * 2 ** 20;

function isThere(program: string): boolean {
  return quietly("sh", ["-c", `command -v ${program}`]);
}

function quietly(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function ended(child: ChildProcess | null): Promise<void> {
  if (child !== null && child.exitCode === null && child.signalCode === null) {
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }
}

async function appears(path: string, maker: ChildProcess): Promise<void> {
  while (!existsSync(path)) {
    assert.equal(maker.exitCode, null, `${maker.spawnfile} ended before ${path} was there`);
    await sleep(5);
  }
}
