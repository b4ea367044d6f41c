/** The bytes of one attempt on one line. It is never opened again: each attempt makes a new one. */
export interface Transport {
  /** Writes all bytes; rejects when that takes longer than the deadline or the line has ended. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends it; resolves within a second whatever the peer does. Harmless when it has ended already. */
  close(): Promise<void>;
}

/** What a transport tells. */
export interface TransportEvents {
  onBytes(bytes: Uint8Array): void;
  /** Told once, at once when the cable is pulled or the peer goes, and never after `close()`. */
  onEnd(why: string): void;
}

/** How long opening may take (milliseconds). */
export const OPEN_DEADLINE_MS = 10_000;
/** How long one write may take (milliseconds). A stalled peer never calls back, so every write has its own deadline. */
export const WRITE_DEADLINE_MS = 2000;
/** How long closing is waited for (milliseconds). */
export const CLOSE_DEADLINE_MS = 1000;

/** Rejects with `late()` when the work is not done in time; the work itself goes on and its late outcome is ignored. */
export async function withDeadline<Result>(
  work: Promise<Result>,
  deadlineMs: number,
  late: () => Error,
): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), deadlineMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
