import type { Permission, Role } from "../access/permissions.ts";

/**
 * What the pages and the console say to each other: JSON under /api, and server-sent events of /api/events. Types only, so that the
 * pages can use this file too. Times are epoch milliseconds of the gateway's clock.
 */

/** `GET /api/me`: who is logged in; 401 when nobody is. */
export interface Me {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly permissions: readonly Permission[];
  /** Wards whose values this person sees now, break-glass included. */
  readonly wards: readonly string[];
  /** A ward that was opened in an emergency, and until when. */
  readonly breakGlass: { readonly ward: string; readonly until: number } | null;
  /** Without use the session ends after so long. */
  readonly idleMs: number;
  readonly gateway: string;
  /** False: flows can be looked at and not be changed. */
  readonly authoring: boolean;
  /** True when there is no account yet: the first one can be made now. */
  readonly firstAccount: boolean;
}

/** A ward and its beds, as `GET /api/wards` gives them: all of them, names only. */
export interface Ward {
  readonly ward: string;
  readonly beds: readonly string[];
}

/** One series on the ward board: the last value of one code of one device. */
export interface BoardReading {
  readonly device: string;
  /** MDC reference id or private code. */
  readonly code: string;
  /** Containment in the device; with device and code it names the series. */
  readonly path: string;
  readonly value: number | string | null;
  /** The device's own digits; "" for no value. */
  readonly text: string;
  /** UCUM. */
  readonly unit: string;
  readonly at: number;
  readonly quality: readonly string[];
}

/** Lowest and highest value of each minute of the last hour, oldest first. */
export interface BoardTrend {
  readonly device: string;
  readonly code: string;
  readonly path: string;
  /** Epoch minute, lowest, highest. */
  readonly points: readonly (readonly [minute: number, low: number, high: number])[];
}

/** A block of a waveform. */
export interface BoardWave {
  readonly device: string;
  readonly code: string;
  readonly path: string;
  readonly unit: string;
  /** Of the first sample. */
  readonly at: number;
  readonly periodMs: number;
  /** In `unit`; null where there is none. */
  readonly samples: readonly (number | null)[];
}

/** Event `board`: `full` replaces what was there (of the wards in `me`), otherwise these series are newer. */
export interface BoardEvent {
  /** The gateway's clock now. */
  readonly at: number;
  readonly full: boolean;
  readonly readings: readonly BoardReading[];
  readonly trends: readonly BoardTrend[];
}

/** Event `waves`, for who asked with `/api/events?waves=DEVICE`. */
export interface WavesEvent {
  readonly waves: readonly BoardWave[];
}

/** Event `facts`, at most once a second: what this person may know of the gateway; parts they may not are missing. */
export interface FactsEvent {
  readonly at: number;
  readonly gateway: string;
  readonly health: { readonly state: "good" | "poor" | "stuck"; readonly text: string };
  /** Clock quality: synchronised, holdover or unsynchronised. */
  readonly clock: string;
  /** False while the flow host is away: then values stand still. */
  readonly flowsUp: boolean;
  /** For everybody: state of the lines of the beds of their wards; who has `devices` gets all. */
  readonly devices: readonly DeviceFact[];
  /** With `link`. */
  readonly link?: LinkFact;
  /** With `link` or `security`. */
  readonly rooms?: readonly RoomFact[];
  /** With `security` or `devices`: the latest notices, newest first. */
  readonly notices?: readonly NoticeFact[];
}

export interface DeviceFact {
  readonly device: string;
  readonly model: string;
  /** Line URL. */
  readonly line: string;
  /** As LineState in gateway/devices/device.ts. */
  readonly state: string;
  /** Plain words: what is wrong, or "". */
  readonly text: string;
  readonly since: number;
  /** Frames a second over the last ten seconds. */
  readonly rate: number;
  readonly badBytes: number;
}

export interface LinkFact {
  readonly connected: boolean;
  readonly broker: string;
  /** Highest class first. */
  readonly classes: readonly ClassFact[];
  /** Bytes free for the outbox. */
  readonly freeBytes: number | null;
  /** End of the certificate with which the gateway shows itself. */
  readonly certificateEnd: number | null;
}

export interface ClassFact {
  readonly class: string;
  readonly taken: number;
  readonly stored: number;
  readonly withheld: number;
  readonly refused: number;
  readonly lost: number;
  readonly waitingBatches: number;
  readonly waitingBytes: number;
  readonly oldestAt: number | null;
}

export interface RoomFact {
  readonly room: string;
  readonly running: boolean;
  readonly restarts: number;
}

export interface NoticeFact {
  readonly at: number;
  readonly device: string;
  readonly notice: string;
  readonly text: string;
}

/** `GET /api/journal?from=N&count=M` (newest entries without `from`). */
export interface JournalPage {
  /** Entries in the tree. */
  readonly size: number;
  readonly entries: readonly JournalLine[];
}

export interface JournalLine {
  readonly index: number;
  readonly at: number;
  readonly kind: string;
  readonly who: string;
  readonly outcome: string;
  /** Details, short words and hashes. */
  readonly what: Readonly<Record<string, string | number>>;
}

/** `GET /api/accounts`. */
export interface AccountView {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly wards: readonly string[];
}

/** `POST /api/accounts`, and with `name` of an account that is there: a change, password only where one is given. */
export interface AccountChange extends AccountView {
  readonly password?: string;
}
