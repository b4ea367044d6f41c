import type { ClassName } from "../reading.ts";

/** What a class gives up when there is no room: its oldest records, or those that came last. */
export const WHEN_FULL = ["evict-old", "refuse-new"] as const;
export type WhenFull = (typeof WHEN_FULL)[number];

/** How much of the outbox a class of data is sure of, and what becomes of it when there is no room. */
export interface ClassPolicy {
  /** From 0 to 1: this part of the bytes is the class's own. What others leave free it may use too, until they need it. */
  readonly share: number;
  /** How long a record may wait (milliseconds), or null for as long as there is room. */
  readonly ttlMs: number | null;
  readonly whenFull: WhenFull;
}

export type ClassPolicies = Readonly<Record<ClassName, ClassPolicy>>;

const KEEP: ClassPolicy = { share: 1, ttlMs: null, whenFull: "refuse-new" };
/** Nothing is ever given up: a full outbox refuses what comes. */
export const KEEP_ALL: ClassPolicies = { notice: KEEP, vital: KEEP, trend: KEEP, wave: KEEP };

/** What is to be given up next: from which side of which class, and how many bytes the class may keep. */
export interface Sacrifice {
  readonly class: ClassName;
  readonly side: "oldest" | "newest";
  readonly keepBytes: number;
}

/**
 * The order in which classes give up records when there is no room. Waveforms go first. A trend outlives the vital readings
 * it is taken from, so that a long outage still has its story. Notices go only when no waveform is left. Tallies and gap
 * records say what became of all the others and are never given up.
 */
const ORDER: readonly { readonly class: ClassName; readonly down: "to-share" | "to-nothing" }[] = [
  { class: "wave", down: "to-share" },
  { class: "vital", down: "to-share" },
  { class: "trend", down: "to-share" },
  { class: "wave", down: "to-nothing" },
  { class: "notice", down: "to-share" },
  { class: "vital", down: "to-nothing" },
];

/**
 * Who gives up records when there is no room, or null when nobody may: then new ones have to wait where they come from.
 * `held` gives the bytes of a class.
 */
export function nextSacrifice(
  held: (name: ClassName) => number,
  policies: ClassPolicies,
  bytesMax: number,
): Sacrifice | null {
  for (const { class: name, down } of ORDER) {
    const { share, whenFull } = policies[name];
    const keepBytes = down === "to-share" ? share * bytesMax : 0;
    // A class that keeps its oldest keeps all of its share: what it turns away is only what it had borrowed.
    const mayGive = whenFull === "evict-old" || down === "to-share";
    if (mayGive && held(name) > keepBytes) {
      return { class: name, side: whenFull === "evict-old" ? "oldest" : "newest", keepBytes };
    }
  }
  return null;
}
