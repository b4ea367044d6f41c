import type { StoreKind } from "./durable-stores.ts";

/** One way to bring readings to the broker without the house. */
export interface Peer {
  readonly name: "level" | "jsonl" | "bridge" | "sealed-bridge";
  /** For a table. */
  readonly what: string;
  /** What the sender keeps on disk; null where a bridge keeps it. */
  readonly store: StoreKind | null;
  readonly isBridge: boolean;
  readonly payload: "reading" | "sealed";
}

/** In the order of the table. */
export const PEERS: readonly Peer[] = [
  {
    name: "level",
    what: "mqtt.js with mqtt-level-store",
    store: "level",
    isBridge: false,
    payload: "reading",
  },
  {
    name: "jsonl",
    what: "mqtt.js with mqtt-jsonl-store",
    store: "jsonl",
    isBridge: false,
    payload: "reading",
  },
  {
    name: "bridge",
    what: "mosquitto bridge, saving on every change",
    store: null,
    isBridge: true,
    payload: "reading",
  },
  {
    name: "sealed-bridge",
    what: "the same bridge, given our sealed batches",
    store: null,
    isBridge: true,
    payload: "sealed",
  },
];
