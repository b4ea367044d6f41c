import { BedsideLines } from "./lines.ts";
import { LinePool } from "./line-pool.ts";
import { BedsideTotals, type BedsideStats } from "./totals.ts";
import { clockNotice } from "./clock-notice.ts";
import type { Clock, ClockStep } from "./clock.ts";
import type { Driver, Frame } from "../devices/device.ts";
import { GapBook } from "./gap-book.ts";
import { Gathered } from "./gathered.ts";
import { HeldTakes } from "./held-takes.ts";
import type { Line } from "../lines/line.ts";
import { type FreshTake, GATEWAY_DEVICE } from "../reading.ts";
import { type Checkpoint, type CheckpointDevice, gapsAfterCrash } from "./reservation.ts";
import { Reserve } from "./reserve.ts";
import type { RoomLink } from "../room-link.ts";
import type { DeviceConduct } from "../conduct.ts";
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
  /** Asks for a checkpoint on disk, at once when it is urgent, else with what else is written; `kept(n)` answers. */
  readonly keep: (n: number, checkpoint: Checkpoint, isUrgent: boolean) => void;
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
  readonly #reserve: Reserve;
  readonly #countedSinceFlush = new Set<string>();
  readonly #gaps = new GapBook();
  readonly #timers: NodeJS.Timeout[] = [];
  #link: FlowLink | null = null;
  readonly #encoder = new TakeEncoder();
  /** Remembers what was said on the link. */
  #messages: TakeMessages = new TakeMessages();
  #generation: number | null = null;
  readonly #handing: Gathered;
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
    this.#reserve = new Reserve({
      last: () => this.#numberer.all(),
      lowestHeld: () => this.#held.lowestByDevice(),
      keep: (n, devices, isUrgent) => options.keep(n, this.#checkpointOf(devices), isUrgent),
    });
    this.#reportedAt = clock.steady();
    clock.onStep((step) => this.#clockStepped(step));
    this.#handing = new Gathered(() => this.#flush(), options.gatherMs ?? GATHER_MS);
    this.#pool = new LinePool(options);
    this.#lines = new BedsideLines({
      pool: this.#pool,
      driver: options.driver,
      frame: (device, frame, at) => this.#frame(device, frame, at),
      fault: (_device, fault) => this.#totals.fault(fault),
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
    this.#reserve.checkpoint(true);
    this.#timers.push(
      setInterval(() => this.#reserve.checkpoint(false), this.#options.settings.checkpointMs),
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
        this.#reserve.checkpoint(true);
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
    if (this.#reserve.kept(n)) {
      this.#onKept();
      this.#handing.soon();
    }
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
      read: this.#lines.read(),
      clock: this.#options.clock.quality(),
    });
  }

  /** How devices behave. */
  readonly conduct = (): DeviceConduct[] => this.#lines.conduct();

  /** Writes down exactly how far has been counted, for a stop in order; resolves when it is on disk. */
  async finalCheckpoint(): Promise<void> {
    this.#reserve.final();
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
    this.#sendCounted([...this.#numberer.all().keys()]);
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
    for (const device of this.#numberer.all().keys()) {
      const notice = this.#numberer.notice(device, clockNotice(step), step.after, quality);
      this.#hold([notice], step.after);
    }
  }

  /** Handing over costs the same however many takes go along: it wakes the flow host and main. */
  #flush(): void {
    this.#sendCounted([...this.#countedSinceFlush]);
    this.#countedSinceFlush.clear();
    if (this.#reserve.isUsedUp) {
      this.#reserve.checkpoint(true);
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
      const takes = this.#held.next(TAKES_PER_MESSAGE, (take) => this.#reserve.covers(take));
      if (takes.length === 0) {
        return;
      }
      for (const bytes of this.#messages.write(takes)) {
        link.send({ t: "takes", generation: this.#generation }, [bytes]);
      }
    }
  }

  #sendCounted(devices: readonly string[]): void {
    if (devices.length === 0) {
      return;
    }
    this.#options.counted(this.#checkpointOf(this.#reserve.counted(devices)));
  }

  #checkpointOf(devices: readonly CheckpointDevice[]): Checkpoint {
    const { boot, clock } = this.#options;
    return { boot, at: clock.now(), devices, gaps: this.#gaps.all() };
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

/** Few, because the flow host works off one message at a time: what waits in others is bytes, and no object yet. */
const TAKES_PER_MESSAGE = 32;
const GATHER_MS = 20;
/** Blocks of waveforms come often and wait at the seal anyway: handed over one by one they would cost the most of all. */
const WAVES_MS = 100;
const REPORT_MS = 2000;
