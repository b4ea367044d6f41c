import type { OptionSpec } from "./devices/device.ts";
import type { ClassName, Item, Take } from "./reading.ts";
import type { LineStatus, OutboxStatus, Subscription, WardMessage, WardTake } from "./rooms.ts";

/**
 * What the flow host offers the ward nodes, handed to them as `RED.settings.ward`. It is everything a flow can reach: no
 * device, no key that outlives the process, no network, no file.
 */
export interface FlowServices {
  /** The running generation of flows; grows with every start of flows. */
  readonly generation: number;

  /** A source node asks for one device. Returns the act that ends the subscription (call it in `close`). */
  subscribe(subscription: Subscription, source: SourceNode): () => void;

  /** A notices node asks for the gateway's and the devices' notices. */
  subscribeNotices(source: Omit<SourceNode, "line">): () => void;

  /**
   * Reports items that end here without being stored. `items` are the payload as it arrived, so that the hub can
   * compare digests. Settling the same item twice is harmless: stored wins over refused, refused over withheld.
   */
  settle(outcome: "withheld" | "refused", takes: readonly WardTake[], items: readonly Item[]): void;

  /** Begins a batch of one class, to be sealed under the epoch of this process. */
  batch(className: ClassName): ItemBatch;

  /** Hands a sealed batch to the keeper; resolves when it is on disk, rejects with a WardError when it is not. */
  store(sealed: Uint8Array, ward: WardMessage): Promise<void>;

  /** Keeps the latest values for the ward board, in memory only. */
  show(items: readonly Item[]): void;

  /** How the outbox is doing; called at once and then at most once a second. Returns the act that ends it. */
  watchOutbox(listener: (status: OutboxStatus) => void): () => void;

  /** Models a source node can read over the given kind of line, for the editor. */
  models(): readonly ModelChoice[];

  /** Line URLs that the signed settings allow, for the editor. */
  allowedLines(): readonly string[];
}

/** A source node as the flow host sees it. */
export interface SourceNode {
  readonly id: string;
  /** Name of the tab the node stands on: a gap "dropped in flow" names it. */
  readonly tab: string;
  take(take: Take, ward: WardMessage): void;
  line(status: LineStatus): void;
}

/** Items that wait to be sealed together. They are kept as bytes: what was added may be forgotten. */
export interface ItemBatch {
  /**
   * Adds an item. Throws WardError `WARD_SEAL_INPUT` when it cannot be sealed exactly as it is, or is one too many; the
   * batch is then what it was.
   */
  add(item: Item): void;
  /** How large it is so far (bytes, about, before packing). */
  readonly bytes: number;
  /** Seals what was added; call once. Throws WardError `WARD_SEAL_INPUT` when there is nothing, or too much. */
  seal(): SealedItems;
}

export interface SealedItems {
  readonly bytes: Uint8Array;
  /** 16 bytes as hex: names this batch before it has a sequence number. */
  readonly salt: string;
}

/** What the editor needs to know of a model to offer it and to fill in its form. */
export interface ModelChoice {
  readonly model: string;
  readonly maker: string;
  readonly protocol: string;
  readonly lines: readonly string[];
  readonly kind: "stream" | "modbus" | "opcua";
  readonly mode: "passive" | "active";
  readonly evidence: "A" | "B";
  /** The device's usual line settings, for example `9600 8N1`; "" where it has none. */
  readonly serial: string;
  readonly options: readonly OptionSpec[];
}
