import type {
  DeviceOptions,
  Frame,
  LineState,
  Measured,
  OpcuaDriver,
  OpcuaPoint,
  OpcuaWatching,
} from "../devices/device.ts";
import { isHeard } from "../devices/status-code.ts";
import { errorText, WardError } from "../errors.ts";
import { Backoff } from "./backoff.ts";
import type { DeviceSink } from "./line.ts";
import { LineMachine } from "./machine.ts";
import type { OpcuaServer, OpcuaTiming, OpcuaWatch, PointChange } from "./opcua-session.ts";
import { withDeadline } from "./transport.ts";

/** What a unit is used for. */
export interface UnitUse {
  readonly sink: DeviceSink;
  readonly timing: Pick<OpcuaTiming, "answerMs" | "startMs">;
  /** Called for every frame. */
  readonly onGood: () => void;
}

/** What a unit has in one session of the server. */
interface UnitSession {
  watch: OpcuaWatch | null;
  /** When to try to start (performance.now()). */
  startAt: number;
  isBusy: boolean;
}

function newSession(): UnitSession {
  return { watch: null, startAt: 0, isBusy: false };
}

/** One device of an OPC-UA server: its subscriptions, how fresh its data is, and where what it says goes. */
export class OpcuaUnit {
  readonly machine: LineMachine;
  readonly #driver: OpcuaDriver;
  readonly #options: DeviceOptions;
  readonly #sink: DeviceSink;
  readonly #timing: UnitUse["timing"];
  readonly #onGood: () => void;
  readonly #backoff = new Backoff({ firstMs: START_RETRY_MS });
  #session = newSession();
  /** When data last came, and when the points that are not watched were last read (performance.now()). */
  #dataAt = 0;
  #polledAt = 0;
  /** What is to be known beside the state; "" for nothing. */
  #note = "";
  #ended = false;

  constructor(driver: OpcuaDriver, options: DeviceOptions, { sink, timing, onGood }: UnitUse) {
    this.#driver = driver;
    this.#options = options;
    this.#sink = sink;
    this.#timing = timing;
    this.#onGood = onGood;
    this.machine = new LineMachine({
      quietMs: driver.facts.quietMs,
      report: (state, text, at) => this.#report(state, text, at),
      silentHint: "check the device and its OPC-UA server",
      garbledHint: "the server says that it does not hear the device: check the device's own line",
    });
  }

  /**
   * To be called about twice a second while the session is open: starts the subscriptions, and reads all points when they have not
   * changed for a while, which proves that the device is there and gives every value a bounded age. Does one thing at a time, however often
   * it is called. Throws WardError when the server does not answer, or publishes nothing.
   */
  async beat(server: OpcuaServer): Promise<void> {
    this.machine.checkQuiet();
    const session = this.#session;
    if (session.isBusy) {
      return;
    }
    session.isBusy = true;
    try {
      await (session.watch === null
        ? this.#start(server, session)
        : this.#look(session.watch, server));
    } finally {
      session.isBusy = false;
    }
  }

  /** The session is gone, and the subscriptions with it. */
  forget(): void {
    this.#session = newSession();
  }

  /** The session could not be had, or has ended. */
  failed(error: unknown, retryMs: number): void {
    const text = errorText(error);
    if (error instanceof WardError && error.code === "WARD_OPCUA_CHANGED") {
      this.#fault("certificate-changed", text);
    }
    this.machine.failed(text, retryMs);
  }

  end(): void {
    this.machine.closed();
    this.#ended = true;
    void this.#session.watch?.close().catch(() => undefined);
    this.forget();
  }

  /** Whether data still comes, and what has not come by itself. */
  async #look(watch: OpcuaWatch, { notes }: OpcuaServer): Promise<void> {
    const now = performance.now();
    const trouble = watch.trouble(now);
    if (trouble !== null) {
      throw new WardError("WARD_OPCUA_SILENT", `Cannot read on: ${trouble}.`);
    }
    this.#tellNote([...notes, ...clockNotes(watch.clockLeadMs)].join("; "));
    if (now - this.#dataAt > this.#driver.facts.quietMs / REFRESHES) {
      this.#take(await this.#answered(watch.refresh()));
    } else if (watch.pollMs !== null && now - this.#polledAt > watch.pollMs) {
      this.#polledAt = now;
      this.#take(await this.#answered(watch.poll()));
    }
  }

  async #start(server: OpcuaServer, session: UnitSession): Promise<void> {
    if (performance.now() < session.startAt) {
      return;
    }
    this.#dataAt = performance.now();
    this.machine.opened();
    try {
      const watch = await withDeadline(this.#open(server), this.#timing.startMs, noAnswer);
      session.watch = watch;
      if (session !== this.#session) {
        void watch.close().catch(() => undefined);
      }
    } catch (error) {
      if (error instanceof WardError && error.code === "WARD_OPCUA_POINT") {
        const retryMs = this.#backoff.next();
        session.startAt = performance.now() + retryMs;
        this.machine.failed(errorText(error), retryMs);
        return;
      }
      throw error;
    }
    this.#backoff.reset();
  }

  async #open(server: OpcuaServer): Promise<OpcuaWatch> {
    const watching: OpcuaWatching = this.#driver.watching?.(this.#options) ?? {
      samplingMs: this.#driver.samplingMs,
    };
    return server.watch(await this.#points(server), watching, {
      onChanges: (changes) => this.#take(changes),
      onFault: (fault, text) => this.#fault(fault, text),
    });
  }

  async #points(server: OpcuaServer): Promise<readonly OpcuaPoint[]> {
    const { discovery } = this.#driver;
    const known = this.#driver.points(this.#options);
    if (discovery === undefined) {
      return known;
    }
    const root = await server.discover(discovery, this.#options);
    const { points, skipped } = discovery.choose(root, this.#options);
    if (known.length + points.length === 0) {
      const why = skipped[0] ?? "there is nothing to read in it";
      throw new WardError("WARD_OPCUA_POINT", `Cannot read the device: ${why}.`);
    }
    for (const text of skipped) {
      this.#fault("unknown-field", text);
    }
    return [...known, ...points];
  }

  #answered<Result>(work: Promise<Result>): Promise<Result> {
    return withDeadline(work, this.#timing.answerMs, noAnswer);
  }

  #take(changes: readonly PointChange[]): void {
    if (this.#ended || changes.length === 0) {
      return;
    }
    this.#dataAt = performance.now();
    const at = Date.now();
    for (const group of groupOf(changes)) {
      this.#decode(group, at);
    }
    // A server that cannot reach its device goes on telling so; that is no sign of life of the device.
    if (changes.some(({ change }) => isHeard(change.statusCode))) {
      this.machine.good();
      this.#onGood();
    } else {
      this.machine.bytes();
    }
  }

  #fault(fault: string, text: string): void {
    if (!this.#ended) {
      this.#sink.fault({ kind: "fault", fault, bytes: 0, text }, Date.now());
    }
  }

  #report(state: LineState, text: string, at: number): void {
    if (!this.#ended) {
      this.#sink.state(state, state === "online" ? this.#withNote(text) : text, at);
    }
  }

  /** Notes come while the state stays as it is. */
  #tellNote(note: string): void {
    if (note !== this.#note) {
      this.#note = note;
      if (this.machine.state === "online" && !this.#ended) {
        this.#sink.state("online", this.#withNote(READING), Date.now());
      }
    }
  }

  #withNote(text: string): string {
    return this.#note === "" ? text : `${text}; ${this.#note}`;
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
function groupOf(changes: readonly PointChange[]): (readonly PointChange[])[] {
  if (new Set(changes.map(({ point }) => point)).size === changes.length) {
    return [changes];
  }
  const groups: PointChange[][] = [];
  const seen = new Map<OpcuaPoint, number>();
  for (const change of changes) {
    const place = seen.get(change.point) ?? 0;
    seen.set(change.point, place + 1);
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

/** A clock that is minutes off is worth a word; times of readings stay as the server gives them. */
function clockNotes(leadMs: number | null): string[] {
  if (leadMs === null || Math.abs(leadMs) < CLOCK_OFF_MS) {
    return [];
  }
  const minutes = Math.round(Math.abs(leadMs) / 60_000);
  return [
    `the server's clock is about ${minutes} min ${leadMs > 0 ? "ahead of" : "behind"} this gateway's`,
  ];
}

const CLOCK_OFF_MS = 90_000;
/** What a machine says of a device that is well. */
const READING = "reading";
/** All points are read this often within the time after which the device counts as silent. */
const REFRESHES = 4;
const START_RETRY_MS = 2000;
