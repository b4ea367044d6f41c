/**
 * What travels through the house. These nouns import nothing, so that everything may import them.
 *
 * A *take* is what one poll or one frame of one device gave: 1-50 readings of one instant, or one waveform block, or one
 * notice. Bedside numbers takes; (device, boot, take, index) is the identity of every item for ever.
 */

/** Classes of data, highest priority first. `trend` is a sparse copy of `vital`, so that a long outage still has a story. */
export const CLASSES = ["notice", "vital", "trend", "wave"] as const;
export type ClassName = (typeof CLASSES)[number];

/** How far the gateway's own clock can be trusted when a reading was taken. */
export const CLOCK_QUALITIES = ["synchronised", "holdover", "unsynchronised"] as const;
export type ClockQuality = (typeof CLOCK_QUALITIES)[number];

/** IEEE 11073-10201 MeasurementStatus as a set of words; an item without any restriction has exactly ["valid"]. */
export const QUALITIES = [
  "valid",
  "invalid",
  "questionable",
  "unavailable",
  "calibrating",
  "test",
  "demo",
  "validated",
  "early",
  "ongoing",
  "in-alarm",
  "alarm-inhibited",
] as const;
export type Quality = (typeof QUALITIES)[number];

/** True for the same words in the same order. Called for every reading, and so without anything that it would have to make first. */
export function isSameQuality(a: readonly Quality[], b: readonly Quality[]): boolean {
  if (a === b) {
    return true;
  }
  if (a.length !== b.length) {
    return false;
  }
  for (let place = 0; place < a.length; place += 1) {
    if (a[place] !== b[place]) {
      return false;
    }
  }
  return true;
}

/** The identity of one item: which device, which run of bedside, which poll or frame, which place in it. */
export interface Identity {
  /** Stable id of the device: a site id such as `bed-12/monitor`, or an EUI-64. 1-64 of [a-z0-9./:-]. */
  readonly device: string;
  /** Bedside's boot id: 16 lower-case hex digits, random at every start of bedside. */
  readonly boot: string;
  /** Number of the poll or frame, counting from 1 per device and boot. */
  readonly take: number;
  /** Place in the take, from 0 to 49. */
  readonly index: number;
}

/** One value of one device at one instant. */
export interface Reading extends Identity {
  readonly kind: "reading";
  /** IEEE 11073 reference id such as `MDC_PULS_OXIM_SAT_O2`; private codes stay private and are never guessed. */
  readonly code: string;
  /** Context-free nomenclature code, partition * 65536 + term; null for a private code. */
  readonly mdc: number | null;
  /** Number, enumeration word, or null for "no value". Never 0 for "no value". */
  readonly value: number | string | null;
  /** The device's own decimal string: digits are never dropped, rounded or interpolated. "" when there is no value. */
  readonly text: string;
  /** UCUM. */
  readonly unit: string;
  /** Gateway time, UTC, epoch milliseconds. */
  readonly at: number;
  readonly clock: ClockQuality;
  /** The device's own clock in epoch milliseconds, uncorrected, or null. */
  readonly deviceAt: number | null;
  readonly quality: readonly Quality[];
  /** Containment MDS.VMD.CHAN.METRIC, for example "1.1.1", or "" where the protocol gives none. */
  readonly path: string;
}

/** One block of samples. Time of sample i = start + i * period.ms / period.samples; value = samples[i] * scale + offset. */
export interface Waveform extends Identity {
  readonly kind: "waveform";
  readonly code: string;
  readonly mdc: number | null;
  readonly unit: string;
  /** Gateway time of the first sample, UTC, epoch milliseconds. */
  readonly start: number;
  readonly clock: ClockQuality;
  /** Exact period as a ratio: `samples` samples take `ms` milliseconds. */
  readonly period: { readonly ms: number; readonly samples: number };
  readonly scale: number;
  readonly offset: number;
  /** 1-4096 raw integer samples; null where the device sent none. */
  readonly samples: readonly (number | null)[];
  /** True when samples are missing between the previous block of this series and this one. */
  readonly gap: boolean;
  readonly quality: readonly Quality[];
  readonly path: string;
}

/** A technical fact about the gateway or a device. Never a clinical alarm. */
export interface Notice extends Identity {
  readonly kind: "notice";
  /** Stable word: `device-silent`, `device-back`, `line-lost`, `room-restarted`, `line-not-allowed`, ... */
  readonly notice: string;
  /** One plain sentence. */
  readonly text: string;
  readonly at: number;
  readonly clock: ClockQuality;
  /** Since when it has been so, epoch milliseconds. */
  readonly since: number | null;
}

/**
 * The word of the notice that corrects times. Bedside puts one among the takes of every device when the gateway's clock was
 * set: takes of the same device and boot with a smaller number have times by the clock before. At the instant when the
 * clock after said `at`, the clock before said `since`.
 */
export const CLOCK_SET_NOTICE = "clock-set";

/** Bytes a driver could not use. Not a reading: it is counted and shown, never forwarded as data. */
export interface Fault {
  readonly kind: "fault";
  readonly device: string;
  readonly at: number;
  /** Stable word: `checksum`, `framing`, `noise`, `truncated`, `unknown-field`, `out-of-range`, ... */
  readonly fault: string;
  /** How many bytes were given up. */
  readonly bytes: number;
  readonly text: string;
}

export type Item = Reading | Waveform | Notice;

/** What one poll or frame gave: 1-50 items of one device and one class. */
export interface Take {
  readonly device: string;
  readonly boot: string;
  readonly take: number;
  readonly class: ClassName;
  /** Bedside's digest of the items (see digest.ts): shows whether a flow changed a value. */
  readonly digest: number;
  readonly items: readonly Item[];
}

/** A take of which no digest was made yet. */
export type FreshTake = Omit<Take, "digest">;

/** Items in one take, at most. An index set (indices.ts) must fit a safe integer. */
export const TAKE_ITEMS_MAX = 50;
/** Samples in one waveform block, at most. */
export const WAVE_SAMPLES_MAX = 4096;
/** The device id under which notices about the gateway itself are numbered. */
export const GATEWAY_DEVICE = "gateway";

/** True for a usable device id. */
export function isDeviceId(id: string): boolean {
  return DEVICE_ID.test(id);
}

/** True for a usable gateway id, which is also its certificate's CN and its MQTT user name. */
export function isGatewayId(id: string): boolean {
  return GATEWAY_ID.test(id);
}

const DEVICE_ID = /^[a-z0-9][a-z0-9./:-]{0,63}$/;
const GATEWAY_ID = /^[a-z0-9-]{3,64}$/;
