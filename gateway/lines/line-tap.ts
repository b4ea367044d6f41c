import type { Transport, TransportEvents } from "./transport.ts";

/** Sees the bytes that cross a line, as they come and go. */
export type LineTap = (from: "device" | "gateway", bytes: Uint8Array) => void;

type Opener = (events: TransportEvents) => Promise<Transport>;

/** The same way to open a line, with a tap on it. */
export function tapped(opener: Opener, tap: LineTap): Opener {
  return async (events) => {
    const transport = await opener({
      onBytes: (bytes) => {
        tap("device", bytes);
        events.onBytes(bytes);
      },
      onEnd: (why) => events.onEnd(why),
    });
    return {
      write: (bytes) => {
        tap("gateway", bytes);
        return transport.write(bytes);
      },
      close: () => transport.close(),
    };
  };
}
