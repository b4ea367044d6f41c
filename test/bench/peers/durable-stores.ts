import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";

import type { IStore } from "mqtt";
import { Manager } from "mqtt-jsonl-store";

/** Where mqtt.js keeps what is not acknowledged; both as their READMEs say, with their own defaults. */
export const STORE_KINDS = ["level", "jsonl"] as const;
export type StoreKind = (typeof STORE_KINDS)[number];

/** Both directions of a client; goes into the options of mqtt.js. */
export interface ClientStores {
  readonly incomingStore: IStore;
  readonly outgoingStore: IStore;
}

/** The package has no types of its own, and an import needs them. */
const require = createRequire(import.meta.url);
const openLevelStore: (path: string) => {
  readonly incoming: IStore;
  readonly outgoing: IStore;
} = require("mqtt-level-store");

/** Opens a store on disk in a new directory. */
export async function openStores(kind: StoreKind, directory: string): Promise<ClientStores> {
  mkdirSync(directory, { recursive: true });
  if (kind === "level") {
    const { incoming, outgoing } = openLevelStore(directory);
    return { incomingStore: incoming, outgoingStore: outgoing };
  }
  const manager = new Manager(directory);
  const { incoming, outgoing } = await manager.open();
  return { incomingStore: incoming, outgoingStore: outgoing };
}
