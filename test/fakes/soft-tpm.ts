import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** A TPM 2.0 in software (swtpm), behind what looks like `/dev/tpmrm0`. */
export class SoftTpm {
  /** What takes the place of `/dev/tpmrm0`. */
  readonly device: string;
  readonly #directory: string;
  readonly #programs: ChildProcess[] = [];
  #held: number | null = null;

  private constructor() {
    this.#directory = mkdtempSync(join(tmpdir(), "ward-tpm-"));
    this.device = join(this.#directory, "tpm");
  }

  static async start(): Promise<SoftTpm> {
    const tpm = new SoftTpm();
    await tpm.#begin();
    return tpm;
  }

  /** Why there can be none on this machine, or null. */
  static get missing(): string | null {
    const wanting = ["swtpm", "socat"].filter(
      (program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0,
    );
    return wanting.length > 0 ? `${wanting.join(" and ")} not installed` : null;
  }

  /** Every program that used it has ended: what they left in it goes, as Linux sees to it. */
  async tidy(): Promise<void> {
    const { stdin, stdout } = this.#programs[1] ?? {};
    if (stdin && stdout) {
      const tidied = once(stdout, "data");
      stdin.write("tidy\n");
      await tidied;
    }
  }

  /** Off and on again: what is in its memory stays. */
  async restart(): Promise<void> {
    await this.#end();
    await this.#begin();
  }

  /** Another TPM in its place, or the same one after it was cleared. */
  async replace(): Promise<void> {
    await this.#end();
    rmSync(join(this.#directory, "tpm2-00.permall"));
    await this.#begin();
  }

  /** Gone, as when somebody pulls it off. */
  async remove(): Promise<void> {
    await this.#end();
  }

  async close(): Promise<void> {
    await this.#end();
    rmSync(this.#directory, { recursive: true });
  }

  async #begin(): Promise<void> {
    const [tpm, manager] = [join(this.#directory, "tpm.sock"), join(this.#directory, "rm.sock")];
    rmSync(tpm, { force: true });
    rmSync(manager, { force: true });
    const flags = ["--flags", "not-need-init,startup-clear"];
    const place = ["--tpmstate", `dir=${this.#directory}`, "--server", `type=unixio,path=${tpm}`];
    this.#run("swtpm", ["socket", "--tpm2", ...place, ...flags]);
    await there(tpm);
    const program = fileURLToPath(new URL("tpm-manager.ts", import.meta.url));
    this.#run(process.execPath, [program, tpm, manager]);
    await there(manager);
    this.#run("socat", [`PTY,link=${this.device},raw,echo=0`, `UNIX-CONNECT:${manager}`]);
    await there(this.device);
    // A pseudo terminal that nobody has open ends.
    this.#held = openSync(this.device, "r+");
  }

  #run(program: string, args: readonly string[]): void {
    this.#programs.push(spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] }));
  }

  async #end(): Promise<void> {
    if (this.#held !== null) {
      closeSync(this.#held);
      this.#held = null;
    }
    for (const program of this.#programs.splice(0).toReversed()) {
      if (program.exitCode === null && program.signalCode === null) {
        program.kill();
        await once(program, "exit");
      }
    }
    rmSync(this.device, { force: true });
  }
}

async function there(path: string): Promise<void> {
  for (let tries = 0; !existsSync(path); tries += 1) {
    if (tries > 600) {
      throw new Error(`${path} does not come`);
    }
    await sleep(50);
  }
}
