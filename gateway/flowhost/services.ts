import { isItem } from "../item-shape.ts";
import type { FlowServices, ModelChoice } from "../flow-services.ts";
import type { Item } from "../reading.ts";
import type { OutboxStatus } from "../rooms.ts";
import { BatchWriter } from "../sealing/batch.ts";
import type { Sealer } from "../sealing/seal.ts";
import type { Board } from "./board.ts";
import type { Handover } from "./handover.ts";
import type { OutboxWatch } from "./outbox-watch.ts";
import { PlainItems } from "./plain-items.ts";
import { KeptSoFar, SealedRegister } from "./sealed-register.ts";
import type { Settlement } from "./settlement.ts";
import type { Sources } from "./sources.ts";

/** What the flow services are made of. */
export interface ServiceParts {
  readonly sources: Sources;
  readonly settlement: Settlement;
  readonly handover: Handover;
  readonly sealer: Pick<Sealer, "sealBatch">;
  readonly board: Board;
  readonly outbox: OutboxWatch;
  readonly generation: () => number;
  readonly models: readonly ModelChoice[];
  readonly allowedLines: readonly string[];
}

/** Makes what a flow can reach. Frozen and closed: nothing behind these acts can be had through it. */
export function makeFlowServices(parts: ServiceParts): FlowServices {
  const { sources, settlement, handover, sealer, board, outbox } = parts;
  const sealedHere = new SealedRegister();
  const models = structuredClone(parts.models);
  const allowedLines = structuredClone(parts.allowedLines);
  return Object.freeze({
    get generation() {
      return parts.generation();
    },
    subscribe: (subscription, source) => sources.subscribe(subscription, source),
    subscribeNotices: (source) => sources.subscribeNotices(source),
    settle: (outcome, takes, items) => {
      settlement.end(outcome, takes, items);
      handover.account();
    },
    batch: (className) => {
      const batch = new BatchWriter();
      const kept = new KeptSoFar();
      const plain = new PlainItems();
      return Object.freeze({
        add: (given: Item) => {
          const item = plain.of(given);
          batch.add(item);
          kept.add(item);
        },
        get bytes() {
          return batch.bytes;
        },
        seal: () => {
          const sealed = sealer.sealBatch(className, batch);
          sealedHere.add(className, sealed, kept.items);
          return { bytes: sealed.bytes, salt: sealed.salt };
        },
      });
    },
    store: async (bytes, ward) => {
      const record = sealedHere.find(bytes, ward.sealed?.salt);
      record.stored ??= handover.store({ ...record, bytes }).catch((error: unknown) => {
        record.stored = null;
        throw error;
      });
      await record.stored;
    },
    show: (items) => board.show(items.filter((item) => isItem(item))),
    watchOutbox: (listener: (status: OutboxStatus) => void) => outbox.watch(listener),
    models: () => models,
    allowedLines: () => allowedLines,
  } satisfies FlowServices);
}
