import { WardError } from "../../gateway/errors.ts";
import type { OutboxStatus } from "../../gateway/rooms.ts";
import type { FlowMessage, Red } from "../node-red.ts";
import type { WardNode } from "../red.ts";
import { defineNode } from "../red.ts";
import { readWard } from "../ward-message.ts";

const node: (red: Red) => void = defineNode({
  type: "ward-outbox",
  start: (outbox) => {
    const { services } = outbox;
    const storing = new Set<Promise<void>>();
    outbox.status("grey", "ring", { word: "waiting" });
    const end = services.watchOutbox((status) => show(outbox, status));
    return {
      input: async (message) => {
        const { bytes, ward } = readSealed(message);
        const stored = services.store(bytes, ward);
        storing.add(stored);
        try {
          await stored;
        } finally {
          storing.delete(stored);
        }
      },
      close: async () => {
        end();
        // What the seal sent as it was told to stop is delivered on the next turn of the event loop.
        await new Promise<void>((resolve) => setImmediate(resolve));
        await Promise.allSettled(storing);
      },
    };
  },
});
export default node;

/** The outbox stores nothing that is not sealed: plaintext must never reach a disk. */
function readSealed(message: FlowMessage): {
  bytes: Uint8Array;
  ward: ReturnType<typeof readWard>;
} {
  const { payload } = message;
  const ward = payload instanceof Uint8Array && payload.length > 0 ? readWard(message) : null;
  if (!(payload instanceof Uint8Array) || ward === null || ward.sealed === undefined) {
    throw new WardError(
      "WARD_OUTBOX_UNSEALED",
      "Cannot store: the message is not sealed. Wire ward-seal before ward-outbox.",
    );
  }
  return { bytes: payload, ward };
}

function show(outbox: WardNode, { connected, classes }: OutboxStatus): void {
  let batches = 0;
  for (const backlog of Object.values(classes)) {
    batches += backlog.batches;
  }
  const word = connected ? "connected" : "disconnected";
  const figures = `${connected ? "\u2191" : "\u2016"} ${batches}`;
  const text = batches === 0 ? { word } : { figures };
  outbox.status(connected ? "green" : "yellow", connected ? "dot" : "ring", text);
}
