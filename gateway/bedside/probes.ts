import type { Driver } from "../devices/device.ts";
import { completeOptions, optionProblems } from "../devices/option-check.ts";
import { errorText, WardError } from "../errors.ts";
import { lineKey } from "../lines/line-url.ts";
import type {
  BrowseProbe,
  Probe,
  ProbeNode,
  ProbeView,
  ScanProbe,
  Subscription,
} from "../rooms.ts";
import type { LinePool } from "./line-pool.ts";
import type { BedsideLines } from "./lines.ts";
import { ProbeNotes } from "./probe-view.ts";
import { scanDriver } from "./register-scan.ts";

export interface ProbesOptions {
  readonly pool: LinePool;
  /** What the running flow reads: a line that it reads already is shown, not opened again. */
  readonly lines: Pick<BedsideLines, "readOver" | "watch">;
  readonly driver: (model: string) => Driver | undefined;
  /** Looks below one node of an OPC-UA server. */
  readonly browse: (line: string, node: string) => Promise<readonly ProbeNode[]>;
  readonly tell: (id: number, view: ProbeView) => void;
}

interface Running {
  readonly notes: ProbeNotes;
  readonly end: () => void;
}

/**
 * What the engineer at the editor looks at. It reads as the running flow does and over the same lines, but what it reads goes to
 * the editor only. Each look ends by itself after a while.
 */
export class Probes {
  readonly #options: ProbesOptions;
  readonly #running = new Map<number, Running>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: ProbesOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tellNews(), NEWS_MS);
    this.#timer.unref();
  }

  /** Begins a look; its views come by `tell` under this id, the last one with another state than `running`. */
  start(id: number, probe: Probe): void {
    try {
      if (this.#running.size >= PROBES_MAX) {
        throw refused(`there are ${PROBES_MAX} tests running already. End one of them`);
      }
      this.#running.set(id, this.#begin(id, probe));
    } catch (error) {
      this.#options.tell(id, new ProbeNotes(null).view("failed", errorText(error)));
    }
  }

  /** Ends a look; nothing is told any more. */
  end(id: number): void {
    const running = this.#running.get(id);
    this.#running.delete(id);
    running?.end();
  }

  /** Ends all of them, and says why. */
  endAll(why: string): void {
    for (const [id, { notes }] of this.#running) {
      this.end(id);
      this.#options.tell(id, notes.view("done", why));
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.endAll("the gateway stops");
  }

  #begin(id: number, probe: Probe): Running {
    switch (probe.kind) {
      case "read":
        return this.#read(id, probe.subscription);
      case "scan":
        return this.#scan(id, probe);
      case "browse":
        return this.#browse(id, probe);
    }
  }

  #scan(id: number, probe: ScanProbe): Running {
    const { line, unit } = probe;
    const driver = scanDriver(probe, (registers) =>
      this.#finish(id, (notes) => notes.registers(registers)),
    );
    return this.#open(id, driver, { device: "scan", model: "", line, unit, options: {} });
  }

  #browse(id: number, { line, node }: BrowseProbe): Running {
    this.#refuse(line);
    this.#options.browse(line, node).then(
      (nodes) => this.#finish(id, (notes) => notes.nodes(nodes)),
      (error: unknown) => this.#fail(id, errorText(error)),
    );
    return this.#limited(id, new ProbeNotes(null), () => undefined);
  }

  /** All that was looked for is there. */
  #finish(id: number, note: (notes: ProbeNotes) => void): void {
    const running = this.#running.get(id);
    if (running !== undefined) {
      note(running.notes);
      this.#options.tell(id, running.notes.view("done", ""));
      // Not at once: the line is in the middle of handing over what it has read.
      setImmediate(() => this.end(id));
    }
  }

  #refuse(line: string): void {
    const refusal = this.#options.pool.refusal(line);
    if (refusal !== null) {
      throw refused(refusal.text.replace(/\.$/, ""));
    }
  }

  #read(id: number, subscription: Subscription): Running {
    const { model, line, options } = subscription;
    const driver = this.#options.driver(model);
    if (driver === undefined) {
      throw refused(`there is no driver for the model "${model}"`);
    }
    const [problem] = optionProblems(driver, options);
    if (problem !== undefined) {
      throw refused(problem.replace(/\.$/, ""));
    }
    const known = this.#options.lines.readOver(lineKey(line));
    const same = known.find((read) => isSame(read, subscription));
    if (same !== undefined) {
      const notes = new ProbeNotes(same.device);
      return this.#limited(id, notes, this.#options.lines.watch(same.device, notes.sink));
    }
    const [other] = driver.kind === "stream" ? known : [];
    if (other !== undefined) {
      throw refused(`${other.device} (${other.model}) is read over this line by the running flow`);
    }
    return this.#open(id, driver, subscription);
  }

  #open(id: number, driver: Driver, { device, line, unit, options }: Subscription): Running {
    this.#refuse(line);
    const held = this.#options.pool.hold(line);
    const notes = new ProbeNotes(null);
    let isOver = false;
    let detach = (): void => undefined;
    held.line.then(
      (opened) => {
        if (!isOver) {
          const spec = { device, driver, unit, options: completeOptions(driver, options) };
          detach = opened.attach(spec, notes.sink);
        }
      },
      (error: unknown) => this.#fail(id, errorText(error)),
    );
    return this.#limited(id, notes, () => {
      isOver = true;
      detach();
      held.release();
    });
  }

  /** Nobody looks for ever: a test left open in some browser must not keep a line busy. */
  #limited(id: number, notes: ProbeNotes, end: () => void): Running {
    const timer = setTimeout(() => {
      const view = notes.view("done", `ended after ${PROBE_MS_MAX / 60_000} minutes`);
      this.end(id);
      this.#options.tell(id, view);
    }, PROBE_MS_MAX);
    timer.unref();
    return {
      notes,
      end: () => {
        clearTimeout(timer);
        end();
      },
    };
  }

  #fail(id: number, text: string): void {
    const running = this.#running.get(id);
    if (running !== undefined) {
      this.end(id);
      this.#options.tell(id, running.notes.view("failed", text));
    }
  }

  #tellNews(): void {
    for (const [id, { notes }] of this.#running) {
      const view = notes.news();
      if (view !== null) {
        this.#options.tell(id, view);
      }
    }
  }
}

/** Looks at the same time, at most. */
const PROBES_MAX = 4;
const PROBE_MS_MAX = 600_000;
const NEWS_MS = 300;

function isSame(read: Subscription, wanted: Subscription): boolean {
  return (
    read.model === wanted.model &&
    read.unit === wanted.unit &&
    JSON.stringify(sorted(read.options)) === JSON.stringify(sorted(wanted.options))
  );
}

function sorted(options: Subscription["options"]): unknown[] {
  return Object.entries(options).sort(([a], [b]) => a.localeCompare(b));
}

function refused(why: string): WardError {
  return new WardError("WARD_PROBE", `Cannot test this device: ${why}.`);
}
