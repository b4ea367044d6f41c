import type { Conduct, DeviceConduct } from "../conduct.ts";
import { type BaselineChange, type BaselineOptions, lookAt } from "./baseline.ts";
import { LEAD_UNKNOWN, lookAtLead } from "./clock-lead.ts";
import type { Change } from "./change.ts";
import * as words from "./conduct-words.ts";
import { type DeviceMemory, type Metric, METRICS, newMemory } from "./device-memory.ts";
import type { Neighbour } from "./sightings.ts";

export interface JudgeOptions {
  /** So many times more or less than usual is told. */
  readonly factor: number;
  /** It must last this long (seconds). */
  readonly steadyS: number;
  /** Fewer faults or refusals a minute than this are never told. */
  readonly stormCount: number;
  /** A device's clock that has moved by more than this is told (seconds). */
  readonly clockS: number;
}

/** Counts of a device at the start of a look. */
interface Look {
  readonly opened: number;
  readonly startMs: number;
  readonly conduct: DeviceConduct;
  readonly leadMs: number | null;
}

/**
 * Judges how devices behave by what each of them always did. Everything is told once: a device that is another one than before, a clock that
 * moves, a rate that is suddenly far from its own. What an engineer changes at the flow is learned anew and not told.
 */
export class ConductJudge {
  readonly #options: JudgeOptions;
  readonly #memories: Map<string, DeviceMemory>;
  readonly #looks = new Map<string, Look>();
  readonly #certificates = new Map<string, number>();
  #boot = "";
  #clockSteps = 0;

  constructor(options: JudgeOptions, memories: Map<string, DeviceMemory>) {
    this.#options = options;
    this.#memories = memories;
  }

  /** What is to be remembered over restarts. */
  get memories(): ReadonlyMap<string, DeviceMemory> {
    return this.#memories;
  }

  /** The devices at an address or name of the network. */
  devicesAt(host: string): string[] {
    const written = host.includes(":") ? `[${host}]` : host;
    return [...this.#memories]
      .filter(([, { line }]) => line.includes(`://${written}:`))
      .map(([device]) => device);
  }

  /** Takes a report of bedside; `now` is gateway time, epoch milliseconds. */
  take(conduct: Conduct, now: number): Change[] {
    if (conduct.boot !== this.#boot || conduct.clockSteps !== this.#clockSteps) {
      this.#beginAnew(conduct);
    }
    const changes = conduct.devices.flatMap((device) => this.#device(device, conduct, now));
    this.#forget();
    return changes;
  }

  /** Takes what the guard in the path has seen of hardware addresses. */
  neighbours(neighbours: readonly Neighbour[]): Change[] {
    return neighbours.flatMap(({ address, hardware }) =>
      this.devicesAt(address).flatMap((device) => {
        const memory = this.#memories.get(device);
        if (memory === undefined || memory.hardware === hardware) {
          return [];
        }
        this.#memories.set(device, { ...memory, hardware });
        return memory.hardware === null
          ? []
          : [words.otherCard(device, { address, before: memory.hardware, now: hardware })];
      }),
    );
  }

  /** Another bedside counts from the beginning; after the gateway's clock was set, leads of others are other ones. */
  #beginAnew({ boot, clockSteps }: Conduct): void {
    const isSet = boot === this.#boot;
    this.#boot = boot;
    this.#clockSteps = clockSteps;
    this.#looks.clear();
    this.#certificates.clear();
    if (isSet) {
      for (const [device, memory] of this.#memories) {
        this.#memories.set(device, { ...memory, lead: LEAD_UNKNOWN });
      }
    }
  }

  #device(conduct: DeviceConduct, report: Conduct, now: number): Change[] {
    const { device, line, asked, opened } = conduct;
    const known = this.#memories.get(device);
    const isSame = known?.line === line && known.asked === asked;
    const memory = isSame ? known : newMemory(line, asked);
    const identity = conduct.identity ?? memory.identity;
    const fresh = conduct.strangers.filter((unit) => !memory.strangers.includes(unit));
    // The last to be heard of stands last.
    this.#memories.delete(device);
    this.#memories.set(device, {
      ...memory,
      identity,
      strangers: [...memory.strangers, ...fresh].slice(0, STRANGERS_MAX),
    });
    const certificates = this.#certificates.get(device) ?? 0;
    this.#certificates.set(device, conduct.certificates);
    return [
      ...(memory.identity !== null && identity !== memory.identity
        ? [words.otherIdentity(device)]
        : []),
      ...(certificates === 0 && conduct.certificates > 0 ? [words.otherCertificate(device)] : []),
      ...fresh
        .slice(0, STRANGERS_MAX - memory.strangers.length)
        .map((unit) => words.newUnit(device, { line, unit })),
      ...this.#counts({ ...conduct, opened }, report, now),
    ];
  }

  /** A look takes a minute in which the device was on line all the time: silence is bedside's to tell. */
  #counts(conduct: DeviceConduct, { steadyMs, isClockGood }: Conduct, now: number): Change[] {
    const { device, opened, isOnline } = conduct;
    const look = this.#looks.get(device);
    if (look === undefined || !isOnline || look.opened !== opened) {
      this.#looks.set(device, { opened, startMs: steadyMs, conduct, leadMs: null });
      return [];
    }
    const leadMs = isClockGood ? latest(look.leadMs, conduct.clockLeadMs) : null;
    const lookMs = steadyMs - look.startMs;
    if (lookMs < LOOK_MS) {
      this.#looks.set(device, { ...look, leadMs });
      return [];
    }
    this.#looks.set(device, { opened, startMs: steadyMs, conduct, leadMs: null });
    const counts = perMinute(look.conduct, conduct, lookMs);
    return [
      ...METRICS.flatMap((metric) => this.#metric(device, metric, { counts, lookMs, now })),
      ...(leadMs === null ? [] : this.#lead(device, leadMs, now)),
    ];
  }

  #metric(
    device: string,
    metric: Metric,
    {
      counts,
      lookMs,
      now,
    }: { readonly counts: Record<Metric, number | null>; lookMs: number; now: number },
  ): Change[] {
    const memory = this.#memories.get(device);
    const value = counts[metric];
    if (memory === undefined || value === null) {
      return [];
    }
    const before = memory.metrics[metric];
    const { state, change } = lookAt(before, value, this.#baselineOptions(metric));
    this.#memories.set(device, { ...memory, metrics: { ...memory.metrics, [metric]: state } });
    return change === null ? [] : [words.changed(device, metric, sinceOf(change, { lookMs, now }))];
  }

  #baselineOptions(metric: Metric): BaselineOptions {
    const { factor, steadyS, stormCount } = this.#options;
    const steadyLooks = Math.max(1, Math.ceil((1000 * steadyS) / LOOK_MS));
    switch (metric) {
      case "rate":
        return { factor, steadyLooks, onlyMore: false, least: RATE_LEAST, burst: RATE_BURST };
      case "shape":
        return {
          factor: SHAPE_FACTOR * factor,
          steadyLooks,
          onlyMore: false,
          least: 1,
          burst: Number.POSITIVE_INFINITY,
        };
      case "faults":
      case "refused":
        return {
          factor: STORM_FACTOR,
          steadyLooks,
          onlyMore: true,
          least: Number.POSITIVE_INFINITY,
          burst: stormCount,
        };
    }
  }

  #lead(device: string, leadMs: number, now: number): Change[] {
    const memory = this.#memories.get(device);
    if (memory === undefined) {
      return [];
    }
    const { clockS, steadyS } = this.#options;
    const steadyLooks = Math.max(1, Math.ceil((1000 * steadyS) / LOOK_MS));
    const limitMs = 1000 * clockS;
    const { state, change } = lookAtLead(memory.lead, leadMs, { limitMs, steadyLooks });
    this.#memories.set(device, { ...memory, lead: state });
    const since = now - steadyLooks * LOOK_MS;
    return change === null ? [] : [words.clockMoved(device, { ...change, since })];
  }

  /** Devices that were not heard of for longest go first. */
  #forget(): void {
    for (const device of this.#memories.keys()) {
      if (this.#memories.size <= DEVICES_MAX) {
        return;
      }
      this.#memories.delete(device);
      this.#looks.delete(device);
    }
  }
}

/** What happened a minute, and how many items a message had; null where that says nothing. */
function perMinute(
  from: DeviceConduct,
  to: DeviceConduct,
  lookMs: number,
): Record<Metric, number | null> {
  const rate = (count: number): number => (count * LOOK_MS) / lookMs;
  const frames = to.frames - from.frames;
  // A server of OPC-UA tells what has changed: how often that is says nothing about the server.
  const isPaced = !to.line.startsWith("opc.tcp:");
  return {
    rate: isPaced ? rate(frames) : null,
    shape: isPaced && frames >= 1 ? (to.items - from.items) / frames : null,
    faults: rate(to.faults - from.faults),
    refused: rate(to.refused - from.refused),
  };
}

function sinceOf(
  change: BaselineChange,
  { lookMs, now }: { readonly lookMs: number; readonly now: number },
): BaselineChange & { readonly since: number } {
  return { ...change, since: now - change.looks * lookMs };
}

function latest(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}

const LOOK_MS = 60_000;
const DEVICES_MAX = 1000;
const STRANGERS_MAX = 8;
/** A device that says less in a minute speaks when there is something to say: only a flood of it is told. */
const RATE_LEAST = 4;
const RATE_BURST = 60;
/** A monitor has many values of one patient, few of another, and none of an empty bed. */
const SHAPE_FACTOR = 3;
const STORM_FACTOR = 8;
