import type { OpcuaChange, OpcuaPoint } from "../devices/device.ts";

/** One variable that changed, or was read. */
export interface PointChange {
  readonly point: OpcuaPoint;
  readonly change: OpcuaChange;
}

/** Where a watch puts what the server publishes. */
export interface WatchEvents {
  /** What one publish response gave. */
  onChanges(changes: readonly PointChange[]): void;
  /** The server said that nothing changed. */
  onAlive(): void;
  /** A point is not read, and why. */
  onMissing(text: string): void;
}

/** A subscription for the points of one device. */
export interface OpcuaWatch {
  /** The server must publish something, be it that nothing changed, at least this often (milliseconds). */
  readonly aliveMs: number;
  /** Reads all points, whether they changed or not. */
  refresh(): Promise<readonly PointChange[]>;
  close(): Promise<void>;
}

/** One session with a server. Implemented in opcua.ts, the door to the library. */
export interface OpcuaServer {
  /** Throws WardError when none of the points is there. */
  watch(
    points: readonly OpcuaPoint[],
    samplingMs: number,
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
  /** First wait between attempts. */
  readonly firstRetryMs: number;
}

export const USUAL_TIMING: OpcuaTiming = { connectMs: 15_000, answerMs: 4000, firstRetryMs: 500 };
