import { errorText } from "../errors.ts";
import { type Checkpoint, type CheckpointDevice, parseCheckpoint } from "../bedside/reservation.ts";

/**
 * Main's memory of how far bedside has counted. After a crash of bedside alone it is exact, because bedside says what it
 * has counted before it hands anything out; what the keeper has on disk reserves a little ahead.
 */
export class CheckpointMemory {
  #boot = "";
  #at = 0;
  #devices = new Map<string, CheckpointDevice>();
  #gaps: Checkpoint["gaps"] = [];

  /** What the next bedside should start from, or null when nothing has been counted. */
  get text(): string | null {
    if (this.#boot === "") {
      return null;
    }
    const checkpoint: Checkpoint = {
      boot: this.#boot,
      at: this.#at,
      devices: [...this.#devices.values()],
      gaps: this.#gaps,
    };
    return JSON.stringify(checkpoint);
  }

  /** Takes over what the keeper had, if that was any; returns why it could not, or null. */
  recall(kept: unknown): string | null {
    try {
      if (typeof kept === "string") {
        this.counted(kept);
      }
      return null;
    } catch (error) {
      return `What was lost before this start is not known: ${errorText(error)}`;
    }
  }

  /** Bedside has counted exactly this far. */
  counted(text: string): void {
    this.#take(parseCheckpoint(text), (device) => device.reserved);
  }

  /** Bedside reserves ahead on disk; in memory only what it settles and its gaps are news. */
  reserved(text: string): void {
    this.#take(parseCheckpoint(text), (device) => this.#devices.get(device.device)?.reserved ?? 0);
  }

  #take(checkpoint: Checkpoint, countedOf: (device: CheckpointDevice) => number): void {
    if (checkpoint.boot !== this.#boot) {
      this.#boot = checkpoint.boot;
      this.#devices = new Map();
    }
    this.#at = checkpoint.at;
    this.#gaps = checkpoint.gaps;
    for (const device of checkpoint.devices) {
      const { device: id, settled } = device;
      this.#devices.set(id, { device: id, settled, reserved: countedOf(device) });
    }
  }
}
