import type { BadBytes, Driver, Frame, LineState } from "../devices/device.ts";
import { errorText } from "../errors.ts";
import { lineKey } from "../lines/line-url.ts";
import type { Line } from "../lines/line.ts";
import type { LineStatus, Subscription } from "../rooms.ts";

/**
 * The lines and devices that the running flow asks for. A new subscription list is compared with what is open, so that a
 * deploy that changes nothing touches no line.
 */
export interface BedsideLinesOptions {
  /** Line URLs that the signed settings allow; compared without their query. */
  readonly allowedLines: readonly string[];
  readonly driver: (model: string) => Driver | undefined;
  readonly openLine: (url: string) => Promise<Line>;
  readonly frame: (device: string, frame: Frame, at: number) => void;
  readonly fault: (device: string, fault: BadBytes, at: number) => void;
  /** A fact worth a notice: silent, back, lost, not allowed, identity changed. */
  readonly notice: (device: string, notice: string, text: string) => void;
  /** For the status under the source node. */
  readonly status: (device: string, status: LineStatus) => void;
  readonly now: () => number;
}

interface OpenDevice {
  readonly subscription: Subscription;
  /** The line's resource, or null when it was refused. */
  key: string | null;
  detach: () => void;
  state: LineState;
  text: string;
  since: number;
  frames: number;
  badBytes: number;
  troubled: boolean;
  serial: string | null;
}

export class BedsideLines {
  readonly #options: BedsideLinesOptions;
  readonly #allowed: ReadonlySet<string>;
  readonly #lines = new Map<string, { readonly url: string; readonly line: Promise<Line> }>();
  readonly #devices = new Map<string, OpenDevice>();
  readonly #admitted = new Set<string>();
  /** Lines that are still closing: a port has one owner. */
  #closing: Promise<void> = Promise.resolve();

  constructor(options: BedsideLinesOptions) {
    this.#options = options;
    this.#allowed = new Set(options.allowedLines.map(keyOrNothing).filter((key) => key !== ""));
  }

  /** Makes the open devices those of the list: closes what is gone or changed, opens what is new. */
  subscribe(subscriptions: readonly Subscription[]): void {
    const wanted = new Map(
      subscriptions.map((subscription) => [subscription.device, subscription]),
    );
    for (const [device, open] of this.#devices) {
      const now = wanted.get(device);
      if (now === undefined || !sameSubscription(now, open.subscription)) {
        open.detach();
        this.#devices.delete(device);
      }
    }
    // Before anything is opened: a line with a new baud rate is another line on the same port.
    this.#closeUnusedLines();
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

  async close(): Promise<void> {
    this.subscribe([]);
    await Promise.allSettled(
      [...this.#lines.values()].map(async ({ line }) => (await line).close()),
    );
    this.#lines.clear();
  }

  #open(subscription: Subscription): void {
    const open: OpenDevice = {
      subscription,
      key: null,
      detach: () => undefined,
      state: "closed",
      text: "",
      since: this.#options.now(),
      frames: 0,
      badBytes: 0,
      troubled: false,
      serial: null,
    };
    this.#devices.set(subscription.device, open);
    const refusal = this.#refusal(subscription);
    if (refusal !== null) {
      this.#refuse(open, refusal.notice, refusal.text);
      return;
    }
    open.key = lineKey(subscription.line);
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
    const line = await this.#lineFor(url);
    if (isDetached() || driver === undefined) {
      return;
    }
    open.detach = line.attach(
      { device, driver, unit, options },
      {
        frame: (frame, at) => {
          open.frames += 1;
          this.#options.frame(device, frame, at);
        },
        fault: (fault, at) => {
          open.badBytes += fault.bytes;
          this.#options.fault(device, fault, at);
        },
        state: (state, text, at) => this.#changed(open, state, text, at),
        identity: (serial) => this.#identified(open, serial),
      },
    );
  }

  #lineFor(url: string): Promise<Line> {
    const key = lineKey(url);
    const known = this.#lines.get(key);
    if (known !== undefined) {
      return known.line;
    }
    const line = this.#closing.then(() => this.#options.openLine(url));
    this.#lines.set(key, { url, line });
    line.catch(() => this.#lines.delete(key));
    return line;
  }

  #refusal({ device, model, line }: Subscription): { notice: string; text: string } | null {
    if (!this.#mayTake(device)) {
      return {
        notice: "too-many-devices",
        text: `${device}: this gateway has read as many different devices as it can since it was started.`,
      };
    }
    if (this.#options.driver(model) === undefined) {
      return {
        notice: "model-unknown",
        text: `${device}: there is no driver for the model "${model}".`,
      };
    }
    let key: string;
    try {
      key = lineKey(line);
    } catch (error) {
      return { notice: "line-not-usable", text: `${device}: ${errorText(error)}` };
    }
    if (!this.#allowed.has(key)) {
      return {
        notice: "line-not-allowed",
        text: `${device}: the line ${key} is not in the signed settings of this gateway. Ask IT to add it.`,
      };
    }
    const shared = this.#lines.get(key);
    if (shared !== undefined && shared.url !== line && this.#isUsed(key, device)) {
      return {
        notice: "line-not-usable",
        text: `${device}: the line ${key} is already open with other settings. Use one line node for both.`,
      };
    }
    return null;
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

  #identified(open: OpenDevice, serial: string): void {
    const { device } = open.subscription;
    if (open.serial !== null && open.serial !== serial) {
      this.#options.notice(
        device,
        "device-identity-changed",
        `${device}: another device answers on this line.`,
      );
    }
    open.serial = serial;
  }

  #isUsed(key: string, except: string): boolean {
    return [...this.#devices.values()].some(
      (open) => open.subscription.device !== except && open.key === key,
    );
  }

  #closeUnusedLines(): void {
    for (const [key, { line }] of this.#lines) {
      if (!this.#isUsed(key, "")) {
        this.#lines.delete(key);
        const closed = line.then((opened) => opened.close()).catch(() => undefined);
        this.#closing = this.#closing.then(() => closed);
      }
    }
  }
}

/** Different devices in one run of bedside, at most. */
const DEVICES_MAX = 1000;

function statusOf(open: OpenDevice, rate: number): LineStatus {
  return { state: open.state, text: open.text, since: open.since, rate, badBytes: open.badBytes };
}

function sameSubscription(a: Subscription, b: Subscription): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The resource of a line, or "" for a URL that is none: what cannot be opened is not allowed either. */
function keyOrNothing(url: string): string {
  try {
    return lineKey(url);
  } catch {
    return "";
  }
}
