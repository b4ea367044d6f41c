import type {
  DeviceOptions,
  OpcuaChange,
  OpcuaDiscovery,
  OpcuaNode,
  OpcuaPoint,
  OpcuaWatching,
} from "../devices/device.ts";

/** One variable that changed, or was read. */
export interface PointChange {
  readonly point: OpcuaPoint;
  readonly change: OpcuaChange;
}

/** Where a watch puts what the server publishes. */
export interface WatchEvents {
  /** What one publish response gave. */
  onChanges(changes: readonly PointChange[]): void;
  /** A point is not read (`unknown-field`), not filtered (`unfiltered`), or lost values (`overflow`), and why. */
  onFault(fault: string, text: string): void;
}

/** The subscriptions for the points of one device. */
export interface OpcuaWatch {
  /**
   * Why the session must be built anew: the server publishes nothing, or says that it lives while the clock that it is to tell
   * stands still. Null while all is well. `now` is performance.now().
   */
  trouble(now: number): string | null;
  /** How far the server's clock was ahead of this gateway's when it last told it (milliseconds), or null. */
  readonly clockLeadMs: number | null;
  /** How often to call `poll` (milliseconds), or null when the server watches all points. */
  readonly pollMs: number | null;
  /** Reads the points that the server does not watch. */
  poll(): Promise<readonly PointChange[]>;
  /** Reads all points, whether they changed or not; without those for which a newer value has come meanwhile. */
  refresh(): Promise<readonly PointChange[]>;
  close(): Promise<void>;
}

/** One session with a server. Implemented in opcua.ts, the door to the library. */
export interface OpcuaServer {
  /** What the engineer ought to know of this session, in plain words; usually nothing. */
  readonly notes: readonly string[];
  /** What a driver looks for; throws WardError when its root is not there. */
  discover(discovery: OpcuaDiscovery, options: DeviceOptions): Promise<OpcuaNode>;
  /** Throws WardError when none of the points is there. */
  watch(
    points: readonly OpcuaPoint[],
    watching: OpcuaWatching,
    events: WatchEvents,
  ): Promise<OpcuaWatch>;
  /** Ends session and connection; resolves within `SESSION_CLOSE_MS` whatever the server does. */
  close(): Promise<void>;
}

/** Connects, checks the server's certificate and opens a session. `onLost` is told when the connection ends by itself. */
export type ConnectOpcua = (
  onLost: (why: string) => void,
  signal: AbortSignal,
) => Promise<OpcuaServer>;

/** How long ending a session may take (milliseconds). */
export const SESSION_CLOSE_MS = 1200;

/** Times of one OPC-UA line, in milliseconds. */
export interface OpcuaTiming {
  /** Connecting, with all its steps, may take this long. */
  readonly connectMs: number;
  /** The server answers a request within this time, or the connection is given up. */
  readonly answerMs: number;
  /** Finding all points and subscribing may take this long. */
  readonly startMs: number;
  /** First wait between attempts. */
  readonly firstRetryMs: number;
  /** The server says at least this often that it lives. */
  readonly keepAliveMs: number;
}

export const USUAL_TIMING: OpcuaTiming = {
  connectMs: 15_000,
  answerMs: 4000,
  startMs: 30_000,
  firstRetryMs: 500,
  keepAliveMs: 4000,
};
