import { WardError } from "../errors.ts";

/** Flows that stopped must start again soon, or nothing would be collected any more. */
export class StartDeadline {
  readonly #missed: (error: WardError) => void;
  #timer: NodeJS.Timeout | null = null;

  /** `missed` is told when flows did not start in time. */
  constructor(missed: (error: WardError) => void) {
    this.#missed = missed;
  }

  /** Flows are about to start. */
  await(): void {
    this.met();
    this.#timer = setTimeout(() => {
      const why = `no start within ${START_FLOWS_MS / 1000} s`;
      this.#missed(
        new WardError(
          "WARD_FLOWS_NOT_STARTED",
          `Cannot start the flow: ${why}. Look at its nodes.`,
        ),
      );
    }, START_FLOWS_MS);
    this.#timer.unref();
  }

  /** Flows run. */
  met(): void {
    clearTimeout(this.#timer ?? undefined);
  }
}

const START_FLOWS_MS = 20_000;
