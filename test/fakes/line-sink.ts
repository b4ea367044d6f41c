import type { BadBytes, Frame, LineState, Measured } from "../../gateway/devices/device.ts";
import type { DeviceSink } from "../../gateway/lines/line.ts";

/** Collects what a line tells about one device, and lets a test wait for it. */
export class CollectingSink implements DeviceSink {
  readonly frames: Frame[] = [];
  readonly faults: BadBytes[] = [];
  readonly states: { readonly state: LineState; readonly text: string }[] = [];
  /** Questions that the device refused. */
  refusals = 0;
  #waiting: (() => void)[] = [];

  /** The last state. */
  get now(): LineState | undefined {
    return this.states.at(-1)?.state;
  }

  /** The words of the last state. */
  get text(): string {
    return this.states.at(-1)?.text ?? "";
  }

  frame(frame: Frame): void {
    this.frames.push(frame);
    this.#wake();
  }

  fault(fault: BadBytes): void {
    this.faults.push(fault);
    this.#wake();
  }

  state(state: LineState, text: string): void {
    this.states.push({ state, text });
    this.#wake();
  }

  identity(): void {}

  refused(count: number): void {
    this.refusals += count;
  }

  async until(met: () => boolean): Promise<void> {
    while (!met()) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Waits for a reading of one code that fits, among those that come from now on. */
  async reading(code: string, fits: (reading: Measured) => boolean): Promise<Measured> {
    const from = this.frames.length;
    const found = (): Measured | undefined =>
      this.frames
        .slice(from)
        .flatMap(({ readings }) => readings)
        .find((reading) => reading.code === code && fits(reading));
    await this.until(() => found() !== undefined);
    return found()!;
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) {
      resolve();
    }
  }
}
