import type { Conduct } from "../conduct.ts";
import { ConductDesk, type ConductDeskOptions } from "./conduct-desk.ts";
import { GuardDesk } from "./guard-desk.ts";
import type { KeeperConfig } from "./messages.ts";

export interface WardWatchOptions extends Omit<ConductDeskOptions, "judge"> {
  readonly config: KeeperConfig;
}

/** The keeper's early warning: how devices behave, and, where the box is in their path, whom they reach for. */
export class WardWatch {
  readonly #conduct: ConductDesk;
  /** Null where no guard is on this box. */
  readonly #guard: GuardDesk | null;

  private constructor(conduct: ConductDesk, guard: GuardDesk | null) {
    this.#conduct = conduct;
    this.#guard = guard;
  }

  static async open({ config, ...options }: WardWatchOptions): Promise<WardWatch> {
    const { dataDirectory, tuning, settings } = config;
    const isNeeded = settings.network !== undefined;
    const conduct = await ConductDesk.open({
      ...options,
      judge: {
        factor: tuning.guardFactor,
        steadyS: tuning.guardSteadyS,
        stormCount: tuning.guardStormCount,
        clockS: tuning.guardClockS,
      },
    });
    const socket = tuning.guardSocket;
    const guard =
      socket === ""
        ? null
        : new GuardDesk({ ...options, socket, dataDirectory, conduct, isNeeded });
    return new WardWatch(conduct, guard);
  }

  /** Takes a report of bedside. */
  take(conduct: Conduct): void {
    this.#conduct.take(conduct);
  }

  /** Keeps what was learned. */
  async close(): Promise<void> {
    this.#guard?.close();
    await this.#conduct.close();
  }
}
