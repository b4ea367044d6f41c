import type { Frame, Measured, MeasuredWave } from "../devices/device.ts";
import type { ClassName, ClockQuality, FreshTake, Item } from "../reading.ts";
import { TAKE_ITEMS_MAX, WAVE_SAMPLES_MAX } from "../reading.ts";

/** What a frame becomes part of. */
export interface TakeContext {
  readonly device: string;
  /** Bedside's boot id, 16 lower-case hex digits. */
  readonly boot: string;
  /** Number of the first take that is made, from 1. */
  readonly nextTake: number;
  /** Gateway time at which the frame arrived, epoch milliseconds. */
  readonly at: number;
  readonly clock: ClockQuality;
}

/** A notice before it is numbered. */
export interface NoticeFacts {
  /** Stable word, see reading.ts. */
  readonly notice: string;
  /** One plain sentence. */
  readonly text: string;
  /** Since when it has been so, epoch milliseconds, or null. */
  readonly since: number | null;
}

/**
 * What one frame gives, numbered: one vital take with all readings (more than 50 become several takes), then one wave
 * take for each waveform block. A block's start is its arrival less its span; a block of more samples than one block may
 * have is cut, the later parts starting where the earlier ones end.
 */
export function makeTakes(frame: Frame, context: TakeContext): FreshTake[] {
  const takes: FreshTake[] = [];
  for (let from = 0; from < frame.readings.length; from += TAKE_ITEMS_MAX) {
    const take = context.nextTake + takes.length;
    const items = frame.readings
      .slice(from, from + TAKE_ITEMS_MAX)
      .map((measured, index) => readingOf(measured, context, { take, index }));
    takes.push(takeOf(context, take, "vital", items));
  }
  for (const wave of frame.waves) {
    for (let from = 0; from < wave.samples.length; from += WAVE_SAMPLES_MAX) {
      const take = context.nextTake + takes.length;
      takes.push(takeOf(context, take, "wave", [waveformOf(wave, context, take, from)]));
    }
  }
  return takes;
}

/** Numbers the takes of all devices of one run of bedside: per device from 1, without holes. */
export class TakeNumberer {
  readonly #boot: string;
  readonly #last = new Map<string, number>();

  constructor(boot: string) {
    this.#boot = boot;
  }

  /** Turns one frame into numbered takes; none for an empty frame. */
  number(device: string, frame: Frame, at: number, clock: ClockQuality): FreshTake[] {
    const nextTake = this.last(device) + 1;
    const takes = makeTakes(frame, { device, boot: this.#boot, nextTake, at, clock });
    this.#last.set(device, nextTake + takes.length - 1);
    return takes;
  }

  /** A take of one notice. */
  notice(device: string, facts: NoticeFacts, at: number, clock: ClockQuality): FreshTake {
    const take = this.#next(device);
    const boot = this.#boot;
    const { notice, since } = facts;
    const text = plainText(facts.text);
    const index = 0;
    const item: Item = {
      kind: "notice",
      device,
      boot,
      take,
      index,
      notice,
      text,
      at,
      clock,
      since,
    };
    return takeOf({ device, boot }, take, "notice", [item]);
  }

  /** A copy of a vital take with a number of its own and class trend. */
  trend(vital: FreshTake): FreshTake {
    const take = this.#next(vital.device);
    const items = vital.items.map((item) => ({ ...item, boot: this.#boot, take }));
    return takeOf({ device: vital.device, boot: this.#boot }, take, "trend", items);
  }

  /** Number of the last take of a device; 0 before the first. */
  last(device: string): number {
    return this.#last.get(device) ?? 0;
  }

  /** Number of the last take of every device. */
  all(): ReadonlyMap<string, number> {
    return this.#last;
  }

  #next(device: string): number {
    const take = this.last(device) + 1;
    this.#last.set(device, take);
    return take;
  }
}

function takeOf(
  { device, boot }: { readonly device: string; readonly boot: string },
  take: number,
  className: ClassName,
  items: readonly Item[],
): FreshTake {
  return { device, boot, take, class: className, items };
}

function readingOf(
  measured: Measured,
  { device, boot, at, clock }: TakeContext,
  place: { readonly take: number; readonly index: number },
): Item {
  const { code, mdc, unit, deviceAt, quality, path } = measured;
  const value = typeof measured.value === "string" ? plainText(measured.value) : measured.value;
  const text = plainText(measured.text);
  return {
    kind: "reading",
    device,
    boot,
    take: place.take,
    index: place.index,
    code,
    mdc,
    value,
    text,
    unit,
    at,
    clock,
    deviceAt,
    quality,
    path,
  };
}

/** What a device calls text, or somebody says of it, may be too long, or have halves of characters that no encoding can carry. */
function plainText(text: string): string {
  return text.length <= TEXT_CHARS_MAX && text.isWellFormed()
    ? text
    : text.slice(0, TEXT_CHARS_MAX).toWellFormed();
}

/** Characters of one text of an item, at most: item-shape.ts refuses more, and a link on which more came is of no use any more. */
const TEXT_CHARS_MAX = 512;

function waveformOf(wave: MeasuredWave, context: TakeContext, take: number, from: number): Item {
  const { device, boot, at, clock } = context;
  const { code, mdc, unit, period, scale, offset, quality, path } = wave;
  return {
    kind: "waveform",
    device,
    boot,
    take,
    index: 0,
    code,
    mdc,
    unit,
    start: Math.round(at - wave.spanMs + (from * period.ms) / period.samples),
    clock,
    period,
    scale,
    offset,
    samples: wave.samples.slice(from, from + WAVE_SAMPLES_MAX),
    gap: from === 0 && wave.gap,
    quality,
    path,
  };
}
