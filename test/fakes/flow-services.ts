import type {
  FlowServices,
  ItemBatch,
  ModelChoice,
  SourceNode,
} from "../../gateway/flow-services.ts";
import { digestOf } from "../../gateway/digest.ts";
import { firstIndices } from "../../gateway/indices.ts";
import type { ClassName, Item, Reading, Take, Waveform } from "../../gateway/reading.ts";
import type { OutboxStatus, Subscription, WardMessage, WardTake } from "../../gateway/rooms.ts";

export const BOOT = "00112233aabbccdd";

/** Flow services that write down what the nodes ask of them. The "seal" is readable JSON. */
export class FakeServices implements FlowServices {
  generation = 1;
  readonly subscriptions = new Map<string, { subscription: Subscription; source: SourceNode }>();
  readonly notices = new Map<string, Omit<SourceNode, "line">>();
  readonly settled: { outcome: string; takes: readonly WardTake[]; items: readonly Item[] }[] = [];
  readonly stored: { bytes: Uint8Array; ward: WardMessage }[] = [];
  readonly shown: (readonly Item[])[] = [];
  readonly outboxListeners = new Set<(status: OutboxStatus) => void>();
  /** Set to make `seal` or `store` fail. */
  sealFails: ((items: readonly Item[]) => Error | null) | null = null;
  storeFails: Error | null = null;
  /** Set to make `store` wait. */
  storeWaits: Promise<void> | null = null;
  #salt = 0;
  #wake = Promise.withResolvers<void>();

  /** Resolves when something is stored or settled. */
  changed(): Promise<void> {
    return this.#wake.promise;
  }

  subscribe(subscription: Subscription, source: SourceNode): () => void {
    this.subscriptions.set(source.id, { subscription, source });
    return () => this.subscriptions.delete(source.id);
  }

  subscribeNotices(source: Omit<SourceNode, "line">): () => void {
    this.notices.set(source.id, source);
    return () => this.notices.delete(source.id);
  }

  settle(
    outcome: "withheld" | "refused",
    takes: readonly WardTake[],
    items: readonly Item[],
  ): void {
    this.settled.push({ outcome, takes, items });
    this.#tell();
  }

  batch(className: ClassName): ItemBatch {
    const items: Item[] = [];
    return {
      add: (item) => {
        const error = this.sealFails?.([item]) ?? null;
        if (error !== null) {
          throw error;
        }
        // As it is now: the real one keeps bytes.
        items.push(structuredClone(item));
      },
      get bytes() {
        return JSON.stringify(items).length;
      },
      seal: () => {
        this.#salt += 1;
        const bytes = new TextEncoder().encode(JSON.stringify({ className, items }));
        return { bytes, salt: this.#salt.toString(16).padStart(32, "0") };
      },
    };
  }

  async store(bytes: Uint8Array, ward: WardMessage): Promise<void> {
    await this.storeWaits;
    if (this.storeFails !== null) {
      throw this.storeFails;
    }
    this.stored.push({ bytes, ward });
    this.#tell();
  }

  show(items: readonly Item[]): void {
    this.shown.push(items);
  }

  watchOutbox(listener: (status: OutboxStatus) => void): () => void {
    this.outboxListeners.add(listener);
    return () => this.outboxListeners.delete(listener);
  }

  models(): readonly ModelChoice[] {
    return MODELS;
  }

  allowedLines(): readonly string[] {
    return [
      "serial:/dev/ttyUSB0",
      "tcp://10.0.0.7:4001",
      "modbus-tcp://10.0.0.8:502",
      "opc.tcp://10.0.0.9:4840",
    ];
  }

  #tell(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

const MODELS: readonly ModelChoice[] = [
  {
    model: "nonin-oem3-format2",
    maker: "Nonin",
    protocol: "OEM III format 2",
    lines: ["serial", "tcp"],
    kind: "stream",
    mode: "passive",
    evidence: "A",
    serial: "9600 8N1",
    options: [],
  },
  {
    model: "tsi-rpc30",
    maker: "TSI",
    protocol: "Modbus",
    lines: ["modbus-tcp", "modbus-rtu"],
    kind: "modbus",
    mode: "active",
    evidence: "A",
    serial: "9600 8N2",
    options: [
      { name: "offset", doc: "First register", default: 0, minimum: 0, maximum: 1000 },
      { name: "door", doc: "Door switch", default: "auto", choices: ["auto", "absent"] },
      { name: "fahrenheit", doc: "Says degrees Fahrenheit", default: false },
    ],
  },
  {
    model: "lads-incubator",
    maker: "LADS",
    protocol: "OPC UA LADS",
    lines: ["opc.tcp"],
    kind: "opcua",
    mode: "active",
    evidence: "A",
    serial: "",
    options: [],
  },
];

/** A good reading; `changes` replaces fields. */
export function aReading(changes: Partial<Reading> = {}): Reading {
  return {
    kind: "reading",
    device: "bed-1/monitor",
    boot: BOOT,
    take: 1,
    index: 0,
    code: "MDC_PULS_OXIM_SAT_O2",
    mdc: 150_456,
    value: 97,
    text: "97",
    unit: "%",
    at: 1_795_475_502_598,
    clock: "synchronised",
    deviceAt: null,
    quality: ["valid"],
    path: "1.1.1",
    ...changes,
  };
}

/** A good waveform block. */
export function aWaveform(changes: Partial<Waveform> = {}): Waveform {
  return {
    kind: "waveform",
    device: "bed-1/monitor",
    boot: BOOT,
    take: 2,
    index: 0,
    code: "MDC_PULS_OXIM_PLETH",
    mdc: 150_452,
    unit: "1",
    start: 1_795_475_502_000,
    clock: "synchronised",
    period: { ms: 1000, samples: 75 },
    scale: 1,
    offset: 0,
    samples: [1, 2, null, 4],
    gap: false,
    quality: ["valid"],
    path: "1.1.1",
    ...changes,
  };
}

/** A take of these items, as bedside makes it. */
export function aTake(items: readonly Item[], className: ClassName = "vital"): Take {
  const [first] = items;
  if (first === undefined) {
    throw new TypeError("A take has items");
  }
  const { device, boot, take } = first;
  return { device, boot, take, class: className, digest: digestOf(items), items };
}

/** What a source node sends for a take. */
export function aMessage(take: Take, generation = 1): Record<string, unknown> {
  const { device, boot, class: className, digest, items } = take;
  const count = items.length;
  const indices = firstIndices(count);
  const takes = [{ device, boot, take: take.take, class: className, count, indices, digest }];
  return { topic: device, payload: items, ward: { class: className, generation, takes } };
}
