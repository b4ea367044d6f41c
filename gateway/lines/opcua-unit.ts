import type { DeviceOptions, Frame, Measured, OpcuaDriver } from "../devices/device.ts";
import { errorText, WardError } from "../errors.ts";
import { Backoff } from "./backoff.ts";
import type { DeviceSink } from "./line.ts";
import { LineMachine } from "./machine.ts";
import type { OpcuaServer, OpcuaWatch, PointChange } from "./opcua-session.ts";
import { withDeadline } from "./transport.ts";

/** What a unit is used for. */
export interface UnitUse {
  readonly sink: DeviceSink;
  /** The server answers within this time (milliseconds). */
  readonly answerMs: number;
  /** Called for every frame. */
  readonly onGood: () => void;
}

/** One device of an OPC-UA server: its subscription, how fresh its data is, and where what it says goes. */
export class OpcuaUnit {
  readonly machine: LineMachine;
  readonly #driver: OpcuaDriver;
  readonly #options: DeviceOptions;
  readonly #sink: DeviceSink;
  readonly #answerMs: number;
  readonly #onGood: () => void;
  readonly #backoff = new Backoff({ firstMs: START_RETRY_MS });
  #watch: OpcuaWatch | null = null;
  #startAt = 0;
  /** When data, and when anything at all, last came (performance.now()). */
  #dataAt = 0;
  #aliveAt = 0;
  #ended = false;

  constructor(driver: OpcuaDriver, options: DeviceOptions, { sink, answerMs, onGood }: UnitUse) {
    this.#driver = driver;
    this.#options = options;
    this.#sink = sink;
    this.#answerMs = answerMs;
    this.#onGood = onGood;
    this.machine = new LineMachine({
      quietMs: driver.facts.quietMs,
      report: (state, text, at) => {
        if (!this.#ended) {
          sink.state(state, text, at);
        }
      },
      silentHint: "check the device and its OPC-UA server",
    });
  }

  /**
   * To be called about twice a second while the session is open: starts the subscription, and reads all points when they have not
   * changed for a while, which proves that the device is there and gives every value a bounded age. Throws WardError when the
   * server does not answer, or publishes nothing.
   */
  async beat(server: OpcuaServer): Promise<void> {
    const now = performance.now();
    this.machine.checkQuiet();
    if (this.#watch === null) {
      if (now >= this.#startAt) {
        await this.#start(server);
      }
      return;
    }
    if (now - this.#aliveAt > ALIVE_MISSED_MAX * this.#watch.aliveMs) {
      throw new WardError("WARD_OPCUA_SILENT", "Cannot read on: the server publishes nothing.");
    }
    if (now - this.#dataAt > this.#driver.facts.quietMs / REFRESHES) {
      this.#take(await withDeadline(this.#watch.refresh(), this.#answerMs, noAnswer));
    }
  }

  /** The session is gone, and the subscription with it. */
  forget(): void {
    this.#watch = null;
    this.#startAt = 0;
  }

  end(): void {
    this.machine.closed();
    this.#ended = true;
    void this.#watch?.close().catch(() => undefined);
    this.#watch = null;
  }

  async #start(server: OpcuaServer): Promise<void> {
    const { samplingMs } = this.#driver;
    this.#dataAt = performance.now();
    this.#aliveAt = performance.now();
    this.machine.opened();
    try {
      const points = this.#driver.points(this.#options);
      const watching = server.watch(points, samplingMs, {
        onChanges: (changes) => this.#take(changes),
        onAlive: () => (this.#aliveAt = performance.now()),
        onMissing: (text) => {
          const fault = { kind: "fault", fault: "unknown-field", bytes: 0, text } as const;
          this.#sink.fault(fault, Date.now());
        },
      });
      this.#watch = await withDeadline(watching, START_ANSWERS * this.#answerMs, noAnswer);
    } catch (error) {
      if (error instanceof WardError && error.code === "WARD_OPCUA_POINT") {
        const retryMs = this.#backoff.next();
        this.#startAt = performance.now() + retryMs;
        this.machine.failed(errorText(error), retryMs);
        return;
      }
      throw error;
    }
    this.#backoff.reset();
  }

  #take(changes: readonly PointChange[]): void {
    this.#aliveAt = performance.now();
    if (this.#ended || changes.length === 0) {
      return;
    }
    this.#dataAt = this.#aliveAt;
    const at = Date.now();
    for (const group of groupOf(changes)) {
      this.#decode(group, at);
    }
    this.machine.good();
    this.#onGood();
  }

  #decode(changes: readonly PointChange[], at: number): void {
    const readings: Measured[] = [];
    const waves: Frame["waves"][number][] = [];
    for (const { point, change } of changes) {
      for (const output of this.#driver.decode(point, change, this.#options)) {
        if (output.kind === "frame") {
          readings.push(...output.readings);
          waves.push(...output.waves);
        } else if (output.kind === "fault") {
          this.#sink.fault(output, at);
        } else if (output.kind === "identity") {
          this.#sink.identity(output.serial, at);
        }
      }
    }
    if (readings.length > 0 || waves.length > 0) {
      this.#sink.frame({ kind: "frame", readings, waves }, at);
    }
  }
}

/** Cuts a list in which a point comes twice, so that each group holds one instant. */
function groupOf(changes: readonly PointChange[]): PointChange[][] {
  const groups: PointChange[][] = [];
  const seen = new Map<string, number>();
  for (const change of changes) {
    const place = seen.get(change.point.node) ?? 0;
    seen.set(change.point.node, place + 1);
    const group = groups[place];
    if (group === undefined) {
      groups.push([change]);
    } else {
      group.push(change);
    }
  }
  return groups;
}

function noAnswer(): WardError {
  return new WardError("WARD_OPCUA_SILENT", "Cannot read on: the server does not answer.");
}

/** All points are read this often within the time after which the device counts as silent. */
const REFRESHES = 4;
const ALIVE_MISSED_MAX = 3;
/** Finding all points and subscribing takes several answers. */
const START_ANSWERS = 3;
const START_RETRY_MS = 2000;
