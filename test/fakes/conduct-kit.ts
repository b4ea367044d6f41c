import type { Change } from "../../gateway/guard/change.ts";
import type { ConductJudge } from "../../gateway/guard/conduct-judge.ts";
import type { Conduct, DeviceConduct } from "../../gateway/conduct.ts";

/** What a device does in ten seconds. */
export interface TenSeconds {
  readonly frames?: number;
  readonly items?: number;
  readonly faults?: number;
  readonly refused?: number;
  readonly now?: Partial<DeviceConduct>;
  readonly report?: Partial<Conduct>;
}

/** A bedside that counts a device and reports every ten seconds, as fast as a judge can listen. */
export class CountingBedside {
  readonly #judge: Pick<ConductJudge, "take">;
  readonly #device: string;
  #counts = { frames: 0, items: 0, faults: 0, refused: 0 };
  /** Gateway time, epoch milliseconds. */
  now: number = Date.UTC(2026, 10, 27, 10, 0);

  constructor(judge: Pick<ConductJudge, "take">, device: string = "bed-4/monitor") {
    this.#judge = judge;
    this.#device = device;
  }

  /** Goes on for so many minutes; returns what changed. */
  go(minutes: number, each: TenSeconds = {}): Change[] {
    const { frames = 20, items = 12 * frames, faults = 0, refused = 0 } = each;
    return Array.from({ length: minutes * 6 }).flatMap(() => {
      this.now += 10_000;
      const counts = this.#counts;
      this.#counts = {
        frames: counts.frames + frames,
        items: counts.items + items,
        faults: counts.faults + faults,
        refused: counts.refused + refused,
      };
      return this.#judge.take(this.report(each), this.now);
    });
  }

  report({ now = {}, report = {} }: TenSeconds = {}): Conduct {
    const device: DeviceConduct = {
      device: this.#device,
      line: "tcp://10.20.0.7:4001",
      opened: 1,
      asked: "00".repeat(8),
      isOnline: true,
      certificates: 0,
      identity: null,
      clockLeadMs: null,
      strangers: [],
      ...this.#counts,
      ...now,
    };
    return {
      boot: "0123456789abcdef",
      steadyMs: this.now,
      clockSteps: 0,
      isClockGood: true,
      devices: [device],
      ...report,
    };
  }
}
