import type { BadBytes, RegisterBlock, RegisterLimits } from "../devices/device.ts";
import type { PlannedRequest, RegisterCut } from "./modbus-plan.ts";

/** Registers or bits of a reply. An array is that as well; a reply of Modbus TCP reads only what it is asked for. */
export interface Values {
  /** Those from `from` to before `end`. */
  slice(from: number, end: number): readonly number[];
}

/** How one request ended. */
export type ReadResult =
  | { readonly kind: "values"; readonly values: Values }
  /** The device answered that it will not: its exception code (V1.1b3 §7). */
  | { readonly kind: "exception"; readonly code: number }
  /** No reply in time; `bytes` of one had come. */
  | { readonly kind: "timeout"; readonly bytes: number }
  /** Something came that was not the reply. */
  | { readonly kind: "bad"; readonly fault: BadBytes }
  /** It was given up because of another request on the same connection; nothing is said about the device. */
  | { readonly kind: "abandoned" }
  /** The wire ended. */
  | { readonly kind: "lost"; readonly why: string };

/** Why a poll gave nothing. An exception here means that the device behind a gateway is not there. */
export type ReadFailure = Exclude<ReadResult, { kind: "values" }>;

/** What the requests of one poll gave, in the same order: values, or the exception code of a request that was refused. */
export type PollResult =
  | { readonly kind: "replies"; readonly replies: readonly (Values | number)[] }
  | ReadFailure;

/**
 * The way to the devices of one bus: it sends requests and gives back the replies that belong to them, and nothing else. It is opened
 * again and again; when something unexpected came over it, it closes by itself.
 */
export interface BusLink {
  readonly isOpen: boolean;
  /** True when one unit can be tried while others are polled, because a reply says which request it answers. */
  readonly triesAside: boolean;
  /** The requests that read these blocks best over this link. */
  plan(
    wanted: readonly RegisterBlock[],
    limits: RegisterLimits,
    cuts: readonly RegisterCut[],
  ): PlannedRequest[];
  /** Throws WardError when it cannot be opened. */
  open(signal: AbortSignal): Promise<void>;
  /** Reads all requests of one poll. Never throws. */
  poll(
    unit: number,
    requests: readonly RegisterBlock[],
    limits: RegisterLimits,
  ): Promise<PollResult>;
  /** Asks a unit whether it is there, with a short read near `block`, or with the block itself. Never throws. */
  tryUnit(unit: number, block: RegisterBlock, limits: RegisterLimits): Promise<ReadResult>;
  /** Ends it at once; what is under way is abandoned. */
  close(): Promise<void>;
}

/** True for the exceptions of a gateway that cannot reach the device behind it. */
export function isGone(code: number): boolean {
  return code === GATEWAY_PATH_UNAVAILABLE || code === GATEWAY_TARGET_SILENT;
}

const GATEWAY_PATH_UNAVAILABLE = 10;
const GATEWAY_TARGET_SILENT = 11;
