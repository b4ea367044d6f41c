import type { BadBytes, Driver, Frame, LineState } from "../devices/device.ts";
import { completeOptions, optionProblems } from "../devices/option-check.ts";
import { errorText } from "../errors.ts";
import { ConductCount } from "./conduct-count.ts";
import type { DeviceSink } from "../lines/line.ts";
import type { DeviceConduct } from "../conduct.ts";
import type { LineStatus, Subscription } from "../rooms.ts";
import type { HeldLine, LinePool } from "./line-pool.ts";

/**
 * The lines and devices that the running flow asks for. A new subscription list is compared with what is open, so that a
 * deploy that changes nothing touches no line.
 */
export interface BedsideLinesOptions {
  readonly pool: LinePool;
  readonly driver: (model: string) => Driver | undefined;
  readonly frame: (device: string, frame: Frame, at: number) => void;
  readonly fault: (device: string, fault: BadBytes, at: number) => void;
  /** A fact worth a notice: silent, back, lost, not allowed. */
  readonly notice: (device: string, notice: string, text: string) => void;
  /** For the status under the source node. */
  readonly status: (device: string, status: LineStatus) => void;
  readonly now: () => number;
}

/** What a device is and where it is read. */
export type DevicePlace = Pick<Subscription, "model" | "line">;

interface OpenDevice {
  readonly subscription: Subscription;
  /** The line it is read over, or null when it was refused. */
  held: HeldLine | null;
  detach: () => void;
  /** Others who want to see what it gives. */
  readonly watchers: Set<DeviceSink>;
  state: LineState;
  text: string;
  since: number;
  frames: number;
  badBytes: number;
  troubled: boolean;
  readonly conduct: ConductCount;
}

export class BedsideLines {
  readonly #options: BedsideLinesOptions;
  readonly #devices = new Map<string, OpenDevice>();
  readonly #admitted = new Set<string>();
  #opened = 0;

  constructor(options: BedsideLinesOptions) {
    this.#options = options;
  }

  /** Makes the open devices those of the list: closes what is gone or changed, opens what is new. */
  subscribe(subscriptions: readonly Subscription[]): void {
    const wanted = new Map(
      subscriptions.map((subscription) => [subscription.device, subscription]),
    );
    for (const [device, open] of this.#devices) {
      const now = wanted.get(device);
      if (now === undefined || !sameSubscription(now, open.subscription)) {
        // Before anything is opened: a line with a new baud rate is another line on the same port.
        open.detach();
        open.held?.release();
        this.#devices.delete(device);
      }
    }
    for (const subscription of wanted.values()) {
      if (!this.#devices.has(subscription.device)) {
        this.#open(subscription);
      }
    }
  }

  /** Status of every device, for the regular report; `seconds` is the time since the last call. */
  report(seconds: number): Map<string, LineStatus> {
    const report = new Map<string, LineStatus>();
    for (const [device, open] of this.#devices) {
      report.set(device, statusOf(open, open.frames / seconds));
      open.frames = 0;
    }
    return report;
  }

  /** What is read: by device its model and line URL. */
  read(): Record<string, DevicePlace> {
    return Object.fromEntries(
      [...this.#devices].map(([device, { subscription }]) => {
        const { model, line } = subscription;
        return [device, { model, line }];
      }),
    );
  }

  /** How every device behaves, for the keeper. */
  conduct(): DeviceConduct[] {
    const units = new Map<string, Set<number | null>>();
    for (const { held, subscription } of this.#devices.values()) {
      if (held !== null) {
        units.set(held.key, (units.get(held.key) ?? new Set()).add(subscription.unit ?? 1));
      }
    }
    return [...this.#devices].flatMap(([device, { held, conduct }]) =>
      held === null ? [] : [conduct.take(device, held.key, units.get(held.key) ?? new Set())],
    );
  }

  /** Ends all devices; their lines are closed by the pool. */
  close(): void {
    this.subscribe([]);
  }

  /** What the flow reads over this line (its key), device by device. */
  readOver(key: string): Subscription[] {
    return [...this.#devices.values()]
      .filter(({ held }) => held?.key === key)
      .map(({ subscription }) => subscription);
  }

  /** Shows what a device gives to somebody else too, beginning with how it is doing. Returns the act that ends it. */
  watch(device: string, watcher: DeviceSink): () => void {
    const open = this.#devices.get(device);
    if (open === undefined) {
      return () => undefined;
    }
    open.watchers.add(watcher);
    watcher.state(open.state, open.text, open.since);
    return () => open.watchers.delete(watcher);
  }

  #open(subscription: Subscription): void {
    this.#opened += 1;
    const open: OpenDevice = {
      subscription,
      held: null,
      detach: () => undefined,
      watchers: new Set(),
      state: "closed",
      text: "",
      since: this.#options.now(),
      frames: 0,
      badBytes: 0,
      troubled: false,
      conduct: new ConductCount(subscription, this.#opened),
    };
    this.#devices.set(subscription.device, open);
    const refusal = this.#refusal(subscription);
    if (refusal !== null) {
      this.#refuse(open, refusal.notice, refusal.text);
      return;
    }
    let detached = false;
    open.detach = () => {
      detached = true;
    };
    this.#attach(open, () => detached).catch((error: unknown) => {
      this.#refuse(open, "line-lost", `${subscription.device}: ${errorText(error)}`);
    });
  }

  async #attach(open: OpenDevice, isDetached: () => boolean): Promise<void> {
    const { device, model, line: url, unit, options } = open.subscription;
    const driver = this.#options.driver(model);
    open.held = this.#options.pool.hold(url);
    const line = await open.held.line;
    if (isDetached() || driver === undefined) {
      return;
    }
    const complete = completeOptions(driver, options);
    open.detach = line.attach({ device, driver, unit, options: complete }, this.#sinkOf(open));
  }

  #sinkOf(open: OpenDevice): DeviceSink {
    const { device } = open.subscription;
    const { watchers } = open;
    return {
      frame: (frame, at) => {
        open.frames += 1;
        open.conduct.frame(frame, at);
        this.#options.frame(device, frame, at);
        watchers.forEach((watcher) => watcher.frame(frame, at));
      },
      fault: (fault, at) => {
        open.badBytes += fault.bytes;
        open.conduct.fault(fault);
        this.#options.fault(device, fault, at);
        watchers.forEach((watcher) => watcher.fault(fault, at));
      },
      state: (state, text, at) => {
        open.conduct.state(state);
        this.#changed(open, state, text, at);
        watchers.forEach((watcher) => watcher.state(state, text, at));
      },
      identity: (serial, at) => {
        open.conduct.identity(serial);
        watchers.forEach((watcher) => watcher.identity(serial, at));
      },
      refused: (count) => open.conduct.refused(count),
    };
  }

  #refusal({
    device,
    model,
    line,
    options,
  }: Subscription): { notice: string; text: string } | null {
    if (!this.#mayTake(device)) {
      return {
        notice: "too-many-devices",
        text: `${device}: this gateway has read as many different devices as it can since it was started.`,
      };
    }
    const driver = this.#options.driver(model);
    if (driver === undefined) {
      return {
        notice: "model-unknown",
        text: `${device}: there is no driver for the model "${model}".`,
      };
    }
    const [problem] = optionProblems(driver, options);
    if (problem !== undefined) {
      return { notice: "options-not-usable", text: `${device}: ${problem}` };
    }
    const refusal = this.#options.pool.refusal(line);
    return refusal === null ? null : { ...refusal, text: `${device}: ${refusal.text}` };
  }

  /** Every device id that ever took a number stays in the checkpoint of this boot: their number is bounded. */
  #mayTake(device: string): boolean {
    if (!this.#admitted.has(device) && this.#admitted.size >= DEVICES_MAX) {
      return false;
    }
    this.#admitted.add(device);
    return true;
  }

  #refuse(open: OpenDevice, notice: string, text: string): void {
    // Under the gateway's own name: a flow could otherwise make up device ids without end.
    this.#options.notice("", notice, text);
    open.state = "closed";
    open.text = text;
    open.since = this.#options.now();
    this.#options.status(open.subscription.device, statusOf(open, 0));
  }

  #changed(open: OpenDevice, state: LineState, text: string, at: number): void {
    const { device } = open.subscription;
    if (state !== open.state) {
      open.since = at;
      this.#noticeChange(open, state, text);
    }
    open.state = state;
    open.text = text;
    this.#options.status(device, statusOf(open, 0));
  }

  #noticeChange(open: OpenDevice, state: LineState, text: string): void {
    const { device } = open.subscription;
    const wasWell = open.state === "online";
    if (state === "stale" && wasWell) {
      open.troubled = true;
      this.#options.notice(device, "device-silent", `${device}: ${text}`);
    } else if (state === "backoff" && !open.troubled) {
      open.troubled = true;
      this.#options.notice(device, "line-lost", `${device}: ${text}`);
    } else if (state === "online" && open.troubled) {
      open.troubled = false;
      this.#options.notice(device, "device-back", `${device}: values again.`);
    }
  }
}

/** Different devices in one run of bedside, at most. */
const DEVICES_MAX = 1000;

function statusOf({ state, text, since, badBytes }: OpenDevice, rate: number): LineStatus {
  return { state, text: text.slice(0, STATUS_CHARS_MAX), since, rate, badBytes };
}

/** More the flow host refuses, and the link with it. */
const STATUS_CHARS_MAX = 512;

function sameSubscription(a: Subscription, b: Subscription): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
