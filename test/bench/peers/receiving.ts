import { numberAt } from "../../../gateway/json-value.ts";
import { BROKER_NAME, type BenchSite, GATEWAY } from "../bench-site.ts";
import { Program } from "../program.ts";

/** What has come to the subscriber. Counters go up from the start. */
export interface Received {
  /** Each counted once. */
  readonly readings: number;
  /** Messages that came again. */
  readonly duplicates: number;
  readonly notices: number;
  /** From sending to here, of all notices so far (milliseconds). */
  readonly noticeP50: number;
  readonly noticeP99: number;
}

/** A subscriber at the hubs' port, as a process of its own. */
export class Receiver {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  /** Resolves when it hears everything that the bench's gateway sends. */
  static async open({ hubPort, site }: BenchSite): Promise<Receiver> {
    const args = [String(hubPort), BROKER_NAME, site.hubDirectory, GATEWAY];
    const { program } = await Program.start("peers/receiver.ts", ...args);
    return new Receiver(program);
  }

  async count(): Promise<Received> {
    const line = await this.#program.count();
    return {
      readings: numberAt(line, "readings"),
      duplicates: numberAt(line, "duplicates"),
      notices: numberAt(line, "notices"),
      noticeP50: numberAt(line, "noticeP50"),
      noticeP99: numberAt(line, "noticeP99"),
    };
  }

  async close(): Promise<void> {
    await this.#program.stop();
  }
}
