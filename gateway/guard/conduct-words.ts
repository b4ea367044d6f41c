import { clockText } from "../lines/machine.ts";
import type { BaselineChange } from "./baseline.ts";
import type { Change } from "./change.ts";
import type { Metric } from "./device-memory.ts";

/** Another device states another serial number. */
export function otherIdentity(device: string): Change {
  const text =
    "another device answers here than before: its serial number is another one. If it was exchanged, all is well.";
  return { device, notice: "device-identity-changed", text, since: null };
}

/** An OPC-UA server is not who it was. */
export function otherCertificate(device: string): Change {
  const text =
    "its server shows another certificate than the trusted one, and is not read. If it was renewed, have it put into the signed settings.";
  return { device, notice: "device-identity-changed", text, since: null };
}

/** Packets of a device come from another network card. */
export function otherCard(
  device: string,
  card: { readonly address: string; readonly before: string; readonly now: string },
): Change {
  const text = `${card.address} is another network card than before (${card.now} in place of ${card.before}). If the device was exchanged, all is well.`;
  return { device, notice: "device-identity-changed", text, since: null };
}

/** A unit answers that nobody reads. */
export function newUnit(
  device: string,
  { line, unit }: { readonly line: string; readonly unit: number },
): Change {
  const text = `unit ${unit}, which nobody reads, answered in its place on ${line}. Look what else is connected there.`;
  return { device, notice: "new-unit", text, since: null };
}

/** A device's clock was set, or has drifted. */
export function clockMoved(
  device: string,
  { was, is, since }: { readonly was: number; readonly is: number; readonly since: number },
): Change {
  const moved = is - was;
  const hours = moved / HOUR_MS;
  const isWhole = Math.abs(hours) >= 0.75 && Math.abs(hours - Math.round(hours)) < 0.03;
  const hint = isWhole ? " Whole hours look like summer time or a time zone." : "";
  const text = `its clock has moved by ${spanOf(Math.abs(moved))} ${moved > 0 ? "forward" : "back"} against the gateway's.${hint}`;
  return { device, notice: "device-clock-moved", text, since };
}

/** A number is far from usual, or usual again. */
export function changed(
  device: string,
  metric: Metric,
  { kind, now, usually, since }: BaselineChange & { readonly since: number },
): Change {
  const what = WORDS[metric];
  if (kind === "usual") {
    return { device, notice: `device-${metric}-usual`, text: what.usual, since };
  }
  const text = `${what.far(times(now, usually))} since ${clockText(since)}: ${what.unit(now, usually)}. ${what.hint}`;
  return { device, notice: `device-${metric}-changed`, text, since };
}

interface MetricWords {
  readonly far: (times: string) => string;
  readonly unit: (now: number, usually: number) => string;
  readonly usual: string;
  readonly hint: string;
}

const WORDS: Readonly<Record<Metric, MetricWords>> = {
  rate: {
    far: (often) => `answers ${often} as often as usual`,
    unit: (now, usually) => `${short(now)} messages a minute, usually ${short(usually)}`,
    usual: "answers as often as usual again.",
    hint: "Look whether its settings were changed, or somebody else asks it.",
  },
  shape: {
    far: (much) => `says ${much} as much in a message as usual`,
    unit: (now, usually) => `${short(now)} values, usually ${short(usually)}`,
    usual: "says as much in a message as usual again.",
    hint: "Look whether its settings or its modules were changed.",
  },
  faults: {
    far: () => "sends much that cannot be read",
    unit: (now, usually) => `${short(now)} pieces a minute, usually ${short(usually)}`,
    usual: "can be read as usual again.",
    hint: "Look at cable and settings of the line.",
  },
  refused: {
    far: () => "refuses much of what it is asked",
    unit: (now, usually) => `${short(now)} exceptions a minute, usually ${short(usually)}`,
    usual: "refuses no more than usual again.",
    hint: "Look whether its settings or its program were changed.",
  },
};

/** `4 times`, or `a 4th` of something. */
function times(now: number, usually: number): string {
  const ratio = now / Math.max(usually, RATIO_MIN);
  if (ratio >= 1) {
    return `${ratio >= 3 ? Math.round(ratio) : short(ratio)} times`;
  }
  const part = Math.round(1 / Math.max(ratio, RATIO_MIN));
  return part >= PART_MAX ? "hardly" : `only 1/${part}`;
}

function short(value: number): string {
  return value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}

function spanOf(ms: number): string {
  const [hours, minutes] = [Math.floor(ms / HOUR_MS), Math.floor((ms % HOUR_MS) / MINUTE_MS)];
  if (hours >= 48) {
    return `${Math.round(hours / 24)} days`;
  }
  if (hours > 0) {
    return minutes === 0 ? `${hours} h` : `${hours} h ${minutes} min`;
  }
  const seconds = Math.round((ms % MINUTE_MS) / 1000);
  return minutes > 0 ? `${minutes} min ${seconds} s` : `${seconds} s`;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const RATIO_MIN = 0.001;
const PART_MAX = 50;
