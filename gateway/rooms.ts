import type { ClassName, Item, Take } from "./reading.ts";
import type { LineState } from "./devices/device.ts";
import type { BoardEvent, FactsEvent, WavesEvent } from "./console/contract.ts";
import type { Conduct } from "./conduct.ts";
import type { JournalEvent } from "./journal/event.ts";

/**
 * What the rooms say to each other. Each link is one socket pair that main made; see room-link.ts for the framing. Every
 * message is an object with `t` and crosses with a list of byte strings (`blobs`) beside it. Messages are checked by
 * room-messages.ts on the receiving side.
 */

/** The processes of one gateway. */
export const ROOMS = ["keeper", "bedside", "flowhost", "listener"] as const;
export type RoomName = (typeof ROOMS)[number];

/** Version of everything in this file; both ends of a link must agree. */
export const ROOMS_VERSION = 1;

/** A device that the flow wants read: one per device id, from the source nodes of the running flow. */
export interface Subscription {
  readonly device: string;
  readonly model: string;
  /** A line URL; bedside refuses what the signed settings do not list. */
  readonly line: string;
  readonly unit: number | null;
  readonly options: Readonly<Record<string, string | number | boolean>>;
}

/** Names one take. */
export interface TakeRef {
  readonly device: string;
  readonly boot: string;
  readonly take: number;
}

/** How many items of a take ended how. stored + withheld + refused + dropped = items of the take. */
export interface Outcome extends TakeRef {
  readonly class: ClassName;
  readonly stored: number;
  readonly withheld: number;
  readonly refused: number;
  readonly dropped: number;
}

/** A run of takes of one device that no tally row will ever explain. */
export interface TakeGap {
  readonly id: string;
  readonly device: string;
  readonly boot: string;
  readonly from: number;
  readonly to: number;
  /** `lost-in-bedside`, `buffer-full`, ... */
  readonly reason: string;
  /** Takes really lost may be fewer: those that were kept are subtracted by the hub. */
  readonly atMost: boolean;
  /** Epoch milliseconds. */
  readonly start: number;
  readonly end: number;
}

/** bedside -> flow host */
export type BedsideToFlowhost =
  | { readonly t: "hello"; readonly version: number; readonly boot: string }
  /** The takes are blob 0, as takes/README.md says. */
  | { readonly t: "takes"; readonly generation: number }
  | { readonly t: "gaps"; readonly gaps: readonly TakeGap[] }
  | { readonly t: "line"; readonly device: string; readonly line: LineStatus }
  | { readonly t: "probed"; readonly id: number; readonly view: ProbeView };

/**
 * A look at one device or line for the engineer at the editor. What it reads is shown and goes nowhere else: it is no take,
 * is not stored and not forwarded. Only lines of the signed settings can be looked at, and looking only reads.
 */
export interface ReadProbe {
  readonly kind: "read";
  readonly subscription: Subscription;
}

/** The registers of one unit, read once. */
export interface ScanProbe {
  readonly kind: "scan";
  readonly line: string;
  readonly unit: number | null;
  /** Modbus read functions only. */
  readonly function: 1 | 2 | 3 | 4;
  /** Zero-based protocol address of the first. */
  readonly address: number;
  /** 1-250. */
  readonly count: number;
}

/** What is below a node of an OPC-UA server; "" for its Objects. */
export interface BrowseProbe {
  readonly kind: "browse";
  readonly line: string;
  readonly node: string;
}
export type Probe = ReadProbe | ScanProbe | BrowseProbe;

/** Registers in one scan, at most. */
export const SCAN_COUNT_MAX = 250;

/** What a probe has found so far. Lists are bounded and hold the latest. */
export interface ProbeView {
  /** `running` goes on, `done` has given all there is, `failed` ended for the reason in `text`. */
  readonly state: "running" | "done" | "failed";
  /** Plain words: how the line is doing, or why the probe ended. */
  readonly text: string;
  readonly line: LineState;
  /** Device id under which the running flow reads this already: it is shown what that gets. */
  readonly shared: string | null;
  /** Frames since the probe began. */
  readonly frames: number;
  readonly serial: string | null;
  readonly readings: readonly ProbeReading[];
  readonly waves: readonly ProbeWave[];
  readonly faults: readonly ProbeFault[];
  /** What a scan found. */
  readonly registers: readonly { readonly address: number; readonly value: number | null }[];
  /** What browsing found. */
  readonly nodes: readonly ProbeNode[];
}

/** One node of an OPC-UA server: what it is called and, for a variable, what it holds. */
export interface ProbeNode {
  /** Node id, or the path to browse on from. */
  readonly node: string;
  readonly name: string;
  readonly class: "object" | "variable" | "method";
  readonly type: string | null;
  readonly dataType: string | null;
  readonly unit: string | null;
  readonly value: number | string | boolean | null;
  readonly status: string | null;
}

export interface ProbeReading {
  readonly code: string;
  readonly path: string;
  readonly text: string;
  readonly unit: string;
  readonly quality: readonly string[];
}

export interface ProbeWave {
  readonly code: string;
  readonly path: string;
  readonly samplesPerSecond: number;
}

export interface ProbeFault {
  readonly fault: string;
  readonly text: string;
  readonly count: number;
  readonly bytes: number;
}

/** The same as the flow host hears it, once takes have been read. */
export type HeardFromBedside =
  | Exclude<BedsideToFlowhost, { readonly t: "takes" }>
  | { readonly t: "takes"; readonly generation: number; readonly takes: readonly Take[] };

/** How a device's line is doing, for the status under a source node. */
export interface LineStatus {
  readonly state: LineState;
  readonly text: string;
  readonly since: number;
  /** Frames a second over the last ten seconds. */
  readonly rate: number;
  /** Bytes given up since the line was opened. */
  readonly badBytes: number;
}

/** flow host -> bedside */
export type FlowhostToBedside =
  | { readonly t: "hello"; readonly version: number }
  | { readonly t: "probe"; readonly id: number; readonly probe: Probe }
  | { readonly t: "probe-end"; readonly id: number }
  | {
      /** Sent at every start of flows, whole or partial: from now on only this generation counts. */
      readonly t: "flows";
      readonly generation: number;
      readonly subscriptions: readonly Subscription[];
    }
  | {
      /** Committed by the keeper: bedside may forget these takes and gaps. */
      readonly t: "settled";
      readonly outcomes: readonly Outcome[];
      readonly gaps: readonly string[];
    };

/** One sealed batch on its way to the outbox; its bytes are blob number `blob` of the message. */
export interface SealedPut {
  readonly class: ClassName;
  readonly blob: number;
}

/** flow host -> keeper */
export type FlowhostToKeeper =
  | { readonly t: "hello"; readonly version: number }
  | {
      /** All of it is committed in one write, or none. Blobs: epochs first, then batches, then tally. */
      readonly t: "put";
      readonly id: number;
      /** Blob numbers of wrapped epoch records that the keeper has not confirmed yet. */
      readonly epochs: readonly number[];
      readonly batches: readonly SealedPut[];
      /** Blob number of the sealed tally. */
      readonly tally: number;
    }
  | { readonly t: "load"; readonly id: number; readonly what: LoadedDocument }
  | {
      /** The document is blob 0, UTF-8. */
      readonly t: "save";
      readonly id: number;
      readonly what: StoredDocument;
    };

/** What Node-RED keeps between runs; the keeper stores it encrypted. */
export const STORED_DOCUMENTS = ["flows", "credentials", "settings"] as const;
export type StoredDocument = (typeof STORED_DOCUMENTS)[number];

/** What can be asked for: `signed-flows` are those of the signed settings, for when the stored ones cannot be used. */
export const LOADED_DOCUMENTS = [...STORED_DOCUMENTS, "signed-flows"] as const;
export type LoadedDocument = (typeof LOADED_DOCUMENTS)[number];

/** keeper -> flow host */
export type KeeperToFlowhost =
  | { readonly t: "hello"; readonly version: number; readonly policy: FlowPolicy }
  | { readonly t: "stored"; readonly id: number }
  /** The document is blob 0, UTF-8; there is none when `found` is false. */
  | { readonly t: "loaded"; readonly id: number; readonly found: boolean }
  | { readonly t: "saved"; readonly id: number }
  | { readonly t: "failed"; readonly id: number; readonly code: string; readonly message: string }
  | { readonly t: "outbox"; readonly outbox: OutboxStatus };

/** flow host -> listener: what the flow shows, as long as somebody looks. */
export type FlowhostToListener =
  | { readonly t: "hello"; readonly version: number }
  | { readonly t: "board"; readonly event: BoardEvent }
  | { readonly t: "waves"; readonly event: WavesEvent };

/** Minutes in a trend of the board. */
export const TREND_MINUTES = 60;
/** Devices whose waveforms are watched, at most. */
export const WATCHED_DEVICES_MAX = 64;

/** listener -> flow host */
export type ListenerToFlowhost =
  | { readonly t: "hello"; readonly version: number }
  /** Whether anybody looks, and at the waveforms of which devices. */
  | { readonly t: "watch"; readonly on: boolean; readonly waves: readonly string[] };

/** What the listener may ask main for: how the gateway is, parts of the journal, and who may log in. */
export const LISTENER_QUERIES = ["facts", "journal", "accounts", "save-accounts"] as const;
export type ListenerQuery = (typeof LISTENER_QUERIES)[number];

/** What the flow host needs to know of the signed settings. */
export interface FlowPolicy {
  readonly gateway: string;
  readonly recipients: readonly RecipientKey[];
  /** True on a bench gateway: the editor may deploy. False: only signed flows run. */
  readonly authoring: boolean;
}

/** A key that batches are sealed to: P-256, for ECDH-ES + A256KW. */
export interface RecipientKey {
  /** 1-32 of [a-z0-9-]. */
  readonly kid: string;
  /** SubjectPublicKeyInfo, base64. */
  readonly spki: string;
}

export interface OutboxStatus {
  readonly connected: boolean;
  /** Per class: sealed batches and bytes not yet receipted, and when the oldest was stored (epoch ms, or null). */
  readonly classes: Readonly<Record<string, ClassBacklog>>;
}

export interface ClassBacklog {
  readonly batches: number;
  readonly bytes: number;
  readonly oldestAt: number | null;
}

/** A notice that has no identity yet: bedside numbers it as a take of class `notice`. */
export interface NoticeText {
  readonly device: string;
  readonly notice: string;
  readonly text: string;
  readonly since: number | null;
}

/** main -> any room, over the child process channel (JSON, no values of devices). `link` comes with a socket. */
export type MainToRoom =
  | { readonly t: "start"; readonly config: unknown }
  | { readonly t: "link"; readonly peer: RoomName }
  | { readonly t: "editor" }
  | { readonly t: "ping"; readonly n: number }
  | { readonly t: "notice"; readonly notice: NoticeText }
  | { readonly t: "checkpointed"; readonly n: number }
  | {
      readonly t: "keep-checkpoint";
      readonly n: number;
      readonly text: string;
      readonly isUrgent: boolean;
    }
  | { readonly t: "ask"; readonly id: number; readonly what: string }
  | { readonly t: "conduct"; readonly conduct: Conduct }
  /** The event is in the journal, or why it is not: then what it tells of must not happen. */
  | { readonly t: "journaled"; readonly id: number; readonly problem: string | null }
  /** For the pages, each second while somebody looks. */
  | { readonly t: "facts"; readonly facts: FactsEvent }
  | {
      readonly t: "queried";
      readonly id: number;
      readonly value: unknown;
      readonly problem: string | null;
    }
  | { readonly t: "stop" };

/** any room -> main */
export type RoomToMain =
  | { readonly t: "ready"; readonly facts: Readonly<Record<string, string | number>> }
  | { readonly t: "pong"; readonly n: number; readonly oldestUnsettledMs: number | null }
  | { readonly t: "notice"; readonly notice: NoticeText }
  /** To be kept at once when it is urgent: bedside then hands nothing over before it is. */
  | {
      readonly t: "checkpoint";
      readonly n: number;
      readonly text: string;
      readonly isUrgent: boolean;
    }
  /** Bedside has counted this far; main keeps it in memory for the bedside after a crash. */
  | { readonly t: "counted"; readonly text: string }
  | { readonly t: "conduct"; readonly conduct: Conduct }
  | { readonly t: "checkpoint-kept"; readonly n: number }
  | { readonly t: "stats"; readonly stats: unknown }
  | { readonly t: "answer"; readonly id: number; readonly value: unknown }
  /** The listener accepted a browser: comes with a socket for the flow host. */
  | { readonly t: "editor" }
  /** The listener has something to be written down before it happens. */
  | { readonly t: "journal"; readonly id: number; readonly event: JournalEvent }
  /** Whether anybody looks at the pages. */
  | { readonly t: "watch"; readonly on: boolean }
  | {
      readonly t: "query";
      readonly id: number;
      readonly what: ListenerQuery;
      readonly argument: string;
    }
  | { readonly t: "fatal"; readonly code: string; readonly message: string }
  | { readonly t: "stopped" };

/** What rides in a Node-RED message beside payload and topic. Nodes carry it on unchanged or narrowed. */
export interface WardMessage {
  readonly class: ClassName;
  /** The generation of flows in which the take was handed out. */
  readonly generation: number;
  /** Every take this message still carries items of, with the set (indices.ts) of those items. */
  readonly takes: readonly WardTake[];
  /** Set by the seal: the payload is a sealed batch. */
  readonly sealed?: { readonly salt: string; readonly items: number };
  /** Set by the check on what it refused: why, for each item of the payload. Such a message carries no takes any more. */
  readonly refused?: readonly { readonly reason: string; readonly text: string }[];
}

export interface WardTake extends TakeRef {
  readonly class: ClassName;
  /** Items the take had when bedside took it. */
  readonly count: number;
  /** Index set of the items that this message carries. */
  readonly indices: number;
  readonly digest: number;
}

/** The message that a source node sends. */
export interface WardFlowMessage {
  _msgid?: string;
  topic: string;
  payload: readonly Item[] | Uint8Array;
  ward: WardMessage;
}
