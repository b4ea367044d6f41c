import { BedsideLines } from "./lines.ts";
import { LinePool } from "./line-pool.ts";
import { BedsideTotals, type BedsideStats } from "./totals.ts";
import { clockNotice } from "./clock-notice.ts";
import type { Clock, ClockStep } from "./clock.ts";
import type { BadBytes, Driver, Frame } from "../devices/device.ts";
import { GapBook } from "./gap-book.ts";
import { Gathered } from "./gathered.ts";
import { HeldTakes } from "./held-takes.ts";
import type { Line } from "../lines/line.ts";
import { type FreshTake, GATEWAY_DEVICE } from "../reading.ts";
import { type Checkpoint, type CheckpointDevice, gapsAfterCrash, headroom } from "./reservation.ts";
import type { RoomLink } from "../room-link.ts";
import {
  type BedsideToFlowhost,
  type FlowhostToBedside,
  type LineStatus,
  type NoticeText,
  ROOMS_VERSION,
  type TakeGap,
} from "../rooms.ts";
import type { Settings } from "../settings.ts";
import { Probes, type ProbesOptions } from "./probes.ts";
import { TakeEncoder } from "../takes/take-encoder.ts";
import { TakeMessages } from "../takes/take-messages.ts";
import { TakeNumberer } from "./take.ts";

/**
 * The first room: drivers plugged into lines. It numbers every take, holds it until it is settled, and is the authority on
 * what was taken. It has no keys and runs no flows.
 */
export interface BedsideOptions {
  /** 16 lower-case hex digits, random at every start. */
  readonly boot: string;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly allowedLines: readonly string[];
  readonly driver: (model: string) => Driver | undefined;
  readonly openLine: (url: string) => Promise<Line>;
  /** Looks below one node of an OPC-UA server, for the editor. */
  readonly browse: ProbesOptions["browse"];
  /** What the bedside before this one had counted, or null at the very first start. */
  readonly previous: Checkpoint | null;
  /** Tells main how far has been counted, before anything counted is handed out. */
  readonly counted: (checkpoint: Checkpoint) => void;
  /** Asks for a checkpoint on disk; `kept(n)` answers. */
  readonly keep: (n: number, checkpoint: Checkpoint) => void;
  /** Takes are handed over at most this often (milliseconds; default 20). */
  readonly gatherMs?: number;
}

type FlowLink = RoomLink<FlowhostToBedside, BedsideToFlowhost>;

export class Bedside {
  readonly #options: BedsideOptions;
  readonly #numberer: TakeNumberer;
  readonly #held: HeldTakes;
  readonly #pool: LinePool;
  readonly #lines: BedsideLines;
  readonly #probes: Probes;
  readonly #totals = new BedsideTotals();
  readonly #trendAt = new Map<string, number>();
  /** Takes above this number have not been handed out: on disk, per device. */
  readonly #reserved = new Map<string, number>();
  readonly #countedSinceFlush = new Set<string>();
  readonly #takenAtCheckpoint = new Map<string, number>();
  /** Everything up to here was settled at the last checkpoint, per device. */
  #settledUpTo: ReadonlyMap<string, number> = new Map();
  readonly #gaps = new GapBook();
  readonly #timers: NodeJS.Timeout[] = [];
  #link: FlowLink | null = null;
  readonly #encoder = new TakeEncoder();
  /** Remembers what was said on the link. */
  #messages: TakeMessages = new TakeMessages();
  #generation: number | null = null;
  readonly #handing: Gathered;
  #checkpointNumber = 0;
  #checkpointWaiting: {
    readonly n: number;
    readonly reserved: Map<string, number>;
    readonly at: number;
  } | null = null;
  #reportedAt: number;
  #onKept: () => void = () => undefined;

  constructor(options: BedsideOptions) {
    this.#options = options;
    const { settings, clock } = options;
    this.#numberer = new TakeNumberer(options.boot);
    this.#held = new HeldTakes({
      takes: settings.bufferTakes,
      bytes: settings.bufferBytes,
      inFlight: settings.inFlightTakes,
    });
    this.#reportedAt = clock.steady();
    clock.onStep((step) => this.#clockStepped(step));
    this.#handing = new Gathered(() => this.#flush(), options.gatherMs ?? GATHER_MS);
    this.#pool = new LinePool(options);
    this.#lines = new BedsideLines({
      pool: this.#pool,
      driver: options.driver,
      frame: (device, frame, at) => this.#frame(device, frame, at),
      fault: (_device, fault) => this.#fault(fault),
      notice: (device, notice, text) => this.notice({ device, notice, text, since: null }),
      status: (device, status) => this.#status(device, status),
      now: () => clock.now(),
    });
    this.#probes = new Probes({
      pool: this.#pool,
      lines: this.#lines,
      driver: options.driver,
      browse: options.browse,
      tell: (id, view) => this.#link?.send({ t: "probed", id, view }),
    });
    if (options.previous !== null) {
      this.#gaps.add(gapsAfterCrash(options.previous, clock.now()));
    }
  }

  start(): void {
    this.#checkpoint();
    this.#timers.push(
      setInterval(() => this.#checkpoint(), this.#options.settings.checkpointMs),
      setInterval(() => this.#report(), REPORT_MS),
    );
  }

  /** Takes a new link to the flow host; the one before it is closed. */
  attach(link: FlowLink): void {
    this.#link?.close();
    this.#probes.endAll("the flow host was started again");
    this.#link = link;
    this.#messages = new TakeMessages();
    this.#generation = null;
    link.send({ t: "hello", version: ROOMS_VERSION, boot: this.#options.boot });
  }

  /** One message of the flow host. */
  receive(message: FlowhostToBedside): void {
    switch (message.t) {
      case "hello":
        return;
      case "probe":
        this.#probes.start(message.id, message.probe);
        return;
      case "probe-end":
        this.#probes.end(message.id);
        return;
      case "flows":
        this.#generation = message.generation;
        // A line has one reader, and the flow comes first.
        this.#probes.endAll("the flow was deployed: test again");
        this.#lines.subscribe(message.subscriptions);
        this.#held.newGeneration();
        this.#sendGaps(this.#gaps.told());
        this.#checkpoint();
        this.#handing.soon();
        return;
      case "settled":
        for (const outcome of message.outcomes) {
          if (outcome.boot === this.#options.boot && this.#held.settle(outcome)) {
            this.#totals.settled(outcome);
          }
        }
        this.#gaps.settled(message.gaps);
        this.#handing.soon();
    }
  }

  /** Numbers a notice as a take of its own. */
  notice({ device, notice, text, since }: NoticeText): void {
    const { clock } = this.#options;
    const at = clock.now();
    const facts = { notice, text, since };
    this.#hold(
      [this.#numberer.notice(device === "" ? GATEWAY_DEVICE : device, facts, at, clock.quality())],
      at,
    );
  }

  /** Checkpoint `n` is on disk. */
  kept(n: number): void {
    if (this.#checkpointWaiting?.n !== n) {
      return;
    }
    for (const [device, reserved] of this.#checkpointWaiting.reserved) {
      this.#reserved.set(device, reserved);
    }
    this.#checkpointWaiting = null;
    this.#onKept();
    this.#handing.soon();
  }

  /** Age of the oldest unsettled take, milliseconds, or null when everything is settled. */
  oldestUnsettledMs(): number | null {
    const oldest = this.#held.oldestAt;
    return oldest === null ? null : Math.max(0, this.#options.clock.steady() - oldest);
  }

  stats(): BedsideStats {
    return this.#totals.stats({
      boot: this.#options.boot,
      held: this.#held.size,
      heldBytes: this.#held.bytes,
      inFlight: this.#held.inFlight,
      oldestUnsettledMs: this.oldestUnsettledMs(),
      gapsWaiting: this.#gaps.size,
    });
  }

  /** Writes down exactly how far has been counted, for a stop in order; resolves when it is on disk. */
  async finalCheckpoint(): Promise<void> {
    this.#checkpointWaiting = null;
    this.#checkpoint(() => 0);
    await new Promise<void>((resolve) => {
      this.#onKept = resolve;
    });
  }

  /** Stops taking; what is held stays held until `settle` or the end of the process. */
  async stopTaking(): Promise<void> {
    this.#probes.close();
    this.#lines.close();
    await this.#pool.close();
  }

  /** Ends timers and the link. */
  close(): void {
    this.#timers.forEach((timer) => clearInterval(timer));
    this.#sendCounted([...this.#lastTakes().keys()]);
    this.#link?.close();
  }

  /** `stamp` is when it arrived, by the system's wall clock. */
  #frame(device: string, frame: Frame, stamp: number): void {
    const at = this.#options.clock.at(stamp);
    const takes = this.#numberer.number(device, frame, at, this.#options.clock.quality());
    const now = performance.now();
    const vital = takes.find((take) => take.class === "vital");
    if (
      vital !== undefined &&
      now - (this.#trendAt.get(device) ?? -Infinity) >= this.#options.settings.trendMs
    ) {
      this.#trendAt.set(device, now);
      takes.push(this.#numberer.trend(vital));
    }
    this.#hold(takes, at);
  }

  #hold(takes: readonly FreshTake[], at: number): void {
    for (const fresh of takes) {
      const take = this.#encoder.encode(fresh);
      this.#totals.taken(take);
      this.#countedSinceFlush.add(take.device);
      for (const gone of this.#held.hold(take, this.#options.clock.steady())) {
        this.#totals.evicted(gone);
        this.#gaps.evicted(gone, at);
      }
    }
    this.#handing.within(takes.every((take) => take.class === "wave") ? WAVES_MS : 0);
  }

  /**
   * The clock was set. Every device that has takes gets a notice among them: its take number parts those that were
   * stamped by the clock before from those that will be by the one after, however late and in whatever order they arrive.
   */
  #clockStepped(step: ClockStep): void {
    const quality = this.#options.clock.quality();
    for (const device of this.#lastTakes().keys()) {
      const notice = this.#numberer.notice(device, clockNotice(step), step.after, quality);
      this.#hold([notice], step.after);
    }
  }

  #fault(fault: BadBytes): void {
    this.#totals.fault(fault);
  }

  /** Handing over costs the same however many takes go along: it wakes the flow host and main. */
  #flush(): void {
    this.#sendCounted([...this.#countedSinceFlush]);
    this.#countedSinceFlush.clear();
    if (this.#needsCheckpoint()) {
      this.#checkpoint();
    }
    const link = this.#link;
    if (link === null || this.#generation === null) {
      return;
    }
    for (;;) {
      if (link.full) {
        link.drained().then(
          () => this.#handing.soon(),
          () => undefined,
        );
        return;
      }
      const takes = this.#held.next(
        TAKES_PER_MESSAGE,
        (take) => take.take <= (this.#reserved.get(take.device) ?? 0),
      );
      if (takes.length === 0) {
        return;
      }
      for (const bytes of this.#messages.write(takes)) {
        link.send({ t: "takes", generation: this.#generation }, [bytes]);
      }
    }
  }

  #needsCheckpoint(): boolean {
    if (this.#checkpointWaiting !== null) {
      return false;
    }
    for (const [device, last] of this.#lastTakes()) {
      if (last > (this.#reserved.get(device) ?? 0)) {
        return true;
      }
    }
    return false;
  }

  /** Asks for a checkpoint on disk that reserves a few numbers ahead. */
  #checkpoint(ahead: (takesLately: number) => number = headroom): void {
    if (
      this.#checkpointWaiting !== null &&
      performance.now() - this.#checkpointWaiting.at < CHECKPOINT_RETRY_MS
    ) {
      return;
    }
    const lowest = this.#held.lowestByDevice();
    const settledUpTo = new Map<string, number>();
    const reserved = new Map<string, number>();
    for (const [device, last] of this.#lastTakes()) {
      settledUpTo.set(device, (lowest.get(device) ?? last + 1) - 1);
      reserved.set(device, last + ahead(last - (this.#takenAtCheckpoint.get(device) ?? 0)));
      this.#takenAtCheckpoint.set(device, last);
    }
    this.#settledUpTo = settledUpTo;
    this.#checkpointNumber += 1;
    this.#checkpointWaiting = { n: this.#checkpointNumber, reserved, at: performance.now() };
    this.#options.keep(this.#checkpointNumber, this.#checkpointOf(reserved));
  }

  #sendCounted(devices: readonly string[]): void {
    if (devices.length === 0) {
      return;
    }
    this.#options.counted(
      this.#checkpointOf(new Map(devices.map((device) => [device, this.#numberer.last(device)]))),
    );
  }

  #checkpointOf(reserved: ReadonlyMap<string, number>): Checkpoint {
    const devices: CheckpointDevice[] = [...reserved].map(([device, upTo]) => ({
      device,
      settled: this.#settledUpTo.get(device) ?? 0,
      reserved: upTo,
    }));
    return {
      boot: this.#options.boot,
      at: this.#options.clock.now(),
      devices,
      gaps: this.#gaps.all(),
    };
  }

  #lastTakes(): ReadonlyMap<string, number> {
    return this.#numberer.all();
  }

  #report(): void {
    const now = this.#options.clock.steady();
    this.#sendGaps(this.#gaps.gathered());
    const report = this.#lines.report(Math.max(1, now - this.#reportedAt) / 1000);
    this.#reportedAt = now;
    for (const [device, status] of report) {
      this.#status(device, status);
    }
    this.#totals.lines(report);
  }

  #sendGaps(gaps: readonly TakeGap[]): void {
    if (gaps.length > 0 && this.#generation !== null) {
      this.#link?.send({ t: "gaps", gaps });
    }
  }

  #status(device: string, line: LineStatus): void {
    this.#link?.send({ t: "line", device, line });
  }
}

const TAKES_PER_MESSAGE = 256;
const GATHER_MS = 20;
/** Blocks of waveforms come often and wait at the seal anyway: handed over one by one they would cost the most of all. */
const WAVES_MS = 100;
const REPORT_MS = 2000;
const CHECKPOINT_RETRY_MS = 5000;
