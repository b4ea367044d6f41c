import type { TakeRef } from "../rooms.ts";
import { type CheckpointDevice, headroom } from "./reservation.ts";

export interface ReserveOptions {
  /** The last take of every device. */
  readonly last: () => ReadonlyMap<string, number>;
  /** The lowest take of every device that is not settled. */
  readonly lowestHeld: () => ReadonlyMap<string, number>;
  /** Asks for checkpoint `n` on disk: at once when it is urgent, else with what else is written. */
  readonly keep: (n: number, devices: readonly CheckpointDevice[], isUrgent: boolean) => void;
}

/**
 * Take numbers that are reserved on disk: no take is handed over before a checkpoint covers it. They are reserved ahead, so that
 * usually nothing waits for the disk, and the disk need not be written for this alone.
 */
export class Reserve {
  readonly #options: ReserveOptions;
  /** On disk: takes above this number have not been handed over, per device. */
  readonly #reserved = new Map<string, number>();
  /** The last takes at the last checkpoint, and at the one before it: one may follow soon on another. */
  #takenBefore: ReadonlyMap<string, number> = new Map();
  #takenLongBefore: ReadonlyMap<string, number> = new Map();
  /** Everything up to here was settled at the last checkpoint, per device. */
  readonly #settled = new Map<string, number>();
  #number = 0;
  #waiting: Waiting | null = null;

  constructor(options: ReserveOptions) {
    this.#options = options;
  }

  /** True when this take may be handed over. */
  covers({ device, take }: Pick<TakeRef, "device" | "take">): boolean {
    return take <= (this.#reserved.get(device) ?? 0);
  }

  /** True when something waits for numbers, and nobody has asked for more at once. */
  get isUsedUp(): boolean {
    if (this.#waiting?.isUrgent === true) {
      return false;
    }
    for (const [device, take] of this.#options.last()) {
      if (!this.covers({ device, take })) {
        return true;
      }
    }
    return false;
  }

  /** Asks for a checkpoint that reserves a few numbers ahead, unless one is on its way that will do. */
  checkpoint(isUrgent: boolean): void {
    const waiting = this.#waiting;
    const willDo = waiting !== null && (waiting.isUrgent || !isUrgent);
    if (!willDo || performance.now() - waiting.at >= RETRY_MS) {
      this.#ask(isUrgent, headroom);
    }
  }

  /** Asks for the last checkpoint of all, which reserves nothing ahead; nothing above it is handed over from here on. */
  final(): void {
    this.#reserved.clear();
    this.#ask(true, () => 0);
  }

  /** Checkpoint `n` is on disk; false for one that was not waited for any more. */
  kept(n: number): boolean {
    if (this.#waiting?.n !== n) {
      return false;
    }
    for (const { device, reserved } of this.#waiting.devices) {
      this.#reserved.set(device, reserved);
    }
    this.#waiting = null;
    return true;
  }

  /** How far these devices have counted, exactly. */
  counted(devices: readonly string[]): CheckpointDevice[] {
    const last = this.#options.last();
    return devices.map((device) => ({
      device,
      settled: this.#settled.get(device) ?? 0,
      reserved: last.get(device) ?? 0,
    }));
  }

  #ask(isUrgent: boolean, ahead: (takesLately: number) => number): void {
    const lowest = this.#options.lowestHeld();
    const devices: CheckpointDevice[] = [];
    for (const [device, last] of this.#options.last()) {
      const settled = (lowest.get(device) ?? last + 1) - 1;
      const lately = last - (this.#takenLongBefore.get(device) ?? 0);
      const enough = last + ahead(lately);
      if (lately === 0) {
        this.#giveBack(device, enough);
      }
      // Never less than what may be handed over until this one is on disk.
      const reserved = Math.max(enough, this.#reserved.get(device) ?? 0);
      this.#settled.set(device, settled);
      devices.push({ device, settled, reserved });
    }
    this.#takenLongBefore = this.#takenBefore;
    this.#takenBefore = new Map(this.#options.last());
    this.#number += 1;
    this.#waiting = { n: this.#number, devices, at: performance.now(), isUrgent };
    this.#options.keep(this.#number, devices, isUrgent);
  }

  /** A device that has gone quiet does not keep what was reserved for a burst: a crash would have to tell it as lost. */
  #giveBack(device: string, enough: number): void {
    const reserved = this.#reserved.get(device) ?? 0;
    this.#reserved.set(device, Math.min(reserved, enough));
  }
}

interface Waiting {
  readonly n: number;
  readonly devices: readonly CheckpointDevice[];
  readonly at: number;
  readonly isUrgent: boolean;
}

/** A checkpoint that was not kept after this long is asked for again (milliseconds). */
const RETRY_MS = 5000;
