import { readAbsoluteTime } from "./device-clock.ts";
import type { Octets } from "./octets.ts";

/** One attribute of an object. */
export interface Attribute {
  readonly id: number;
  readonly value: Octets;
}

/** One polled object with the attributes that came. */
export interface PolledObject {
  /** The measurement server that the handle belongs to. */
  readonly context: number;
  readonly handle: number;
  readonly attributes: readonly Attribute[];
}

/** The data of a poll's result. */
export interface PollReply {
  /** Class of the polled objects. */
  readonly objectClass: number;
  /** Place in a series of periodic results, from 0; null in the result of a single poll. */
  readonly sequence: number | null;
  /** The monitor's clock since power-on, in 1/8 ms, modulo 2^32. For waves, when the first sample was taken. */
  readonly relativeTime: number;
  /** The monitor's date and time, epoch milliseconds, or null where it is not set (all monitors seen so far). */
  readonly absoluteTime: number | null;
  readonly objects: readonly PolledObject[];
}

export const CLASS_NUMERIC = 0x00_06;
export const CLASS_WAVE = 0x00_09;
export const CLASS_MDS = 0x00_21;

/** Null when the lengths inside do not fit together. */
export function readPollReply(octets: Octets, isExtended: boolean): PollReply | null {
  octets.u16();
  const sequence = isExtended ? octets.u16() : null;
  const relativeTime = octets.u32();
  const absoluteTime = readAbsoluteTime(octets);
  const partition = octets.u16();
  const objectClass = octets.u16();
  octets.u16();
  const objects: PolledObject[] = [];
  const isWhole = readList(octets, (contexts) => {
    const context = contexts.u16();
    return readList(contexts, (polled) => {
      const handle = polled.u16();
      const attributes = readAttributes(polled);
      if (attributes !== null) {
        objects.push({ context, handle, attributes });
      }
      return attributes !== null;
    });
  });
  return isWhole && partition === PARTITION_OBJECTS && octets.left === 0
    ? { objectClass, sequence, relativeTime, absoluteTime, objects }
    : null;
}

const PARTITION_OBJECTS = 1;

/** An attribute list; null when its lengths do not fit together. */
export function readAttributes(octets: Octets): Attribute[] | null {
  const attributes: Attribute[] = [];
  const isWhole = readList(octets, (list) => {
    const id = list.u16();
    const value = list.part(list.u16());
    attributes.push({ id, value });
    return true;
  });
  return isWhole ? attributes : null;
}

/** Every list is its count, its length in bytes, and its elements. False when they do not fit together. */
export function readList(octets: Octets, element: (list: Octets) => boolean): boolean {
  const count = octets.u16();
  const list = octets.part(octets.u16());
  for (let index = 0; index < count; index += 1) {
    if (list.left === 0 || !element(list)) {
      return false;
    }
  }
  return !octets.short && !list.short && list.left === 0;
}
