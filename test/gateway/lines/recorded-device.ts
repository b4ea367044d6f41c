import { EventEmitter, once } from "node:events";

import type { BadBytes, Frame, LineState } from "../../../gateway/devices/device.ts";
import type { DeviceSink } from "../../../gateway/lines/line.ts";

interface Told {
  told: [];
}

/** A sink that remembers what a line told about one device, and lets a test wait for it. */
export class RecordedDevice extends EventEmitter<Told> {
  readonly frames: Frame[] = [];
  readonly faults: BadBytes[] = [];
  readonly states: { readonly state: LineState; readonly text: string }[] = [];
  readonly serials: string[] = [];

  readonly sink: DeviceSink = {
    frame: (frame) => this.#tell(() => this.frames.push(frame)),
    fault: (fault) => this.#tell(() => this.faults.push(fault)),
    state: (state, text) => this.#tell(() => this.states.push({ state, text })),
    identity: (serial) => this.#tell(() => this.serials.push(serial)),
  };

  get state(): LineState | undefined {
    return this.states.at(-1)?.state;
  }

  /** Resolves as soon as the condition holds; the test runner's timeout is the deadline. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await once(this, "told");
    }
  }

  /** The next state of this name from now on. */
  async nextState(state: LineState): Promise<string> {
    const from = this.states.length;
    const found = () => this.states.slice(from).find((told) => told.state === state);
    await this.until(() => found() !== undefined);
    return found()?.text ?? "";
  }

  #tell(record: () => unknown): void {
    record();
    this.emit("told");
  }
}
