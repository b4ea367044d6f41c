import { firstIndices } from "../indices.ts";
import type { Take } from "../reading.ts";
import type { LineStatus, Subscription, WardMessage, WardTake } from "../rooms.ts";
import type { SourceNode } from "../flow-services.ts";
import type { TakeFacts } from "./take-state.ts";

/** What a source node can be handed. */
export type Receiver = Pick<SourceNode, "id" | "tab" | "take">;

/** The nodes that get a take. */
export interface Receivers {
  readonly nodes: readonly Receiver[];
  /** The tabs on which they stand, in words. */
  readonly tabs: string;
}

/**
 * The source nodes of the running flow: which devices they ask for, and who gets which take. Several nodes may ask for the same
 * device; where they ask for it differently the first one counts and the others say so.
 */
export class Sources {
  readonly #sources = new Set<Source>();
  readonly #notices = new Set<Receiver>();
  readonly #lines = new Map<string, LineStatus>();
  readonly #onChange: () => void;
  #heard = new Map<string, Heard>();
  #noticed: Receivers = NOBODY;

  /** `onChange` is called whenever a node comes or goes. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Adds a source node; returns the act that removes it. */
  subscribe(subscription: Subscription, node: SourceNode): () => void {
    const source = { subscription, spec: specOf(subscription), node };
    return this.#add(this.#sources, source);
  }

  /** Adds a notices node; returns the act that removes it. */
  subscribeNotices(node: Receiver): () => void {
    const remove = this.#add(this.#notices, node);
    this.#noticed = receiversOf([...this.#notices]);
    return () => {
      remove();
      this.#noticed = receiversOf([...this.#notices]);
    };
  }

  /** Decides who is heard; returns one subscription per device, in the order in which nodes came. */
  settle(): Subscription[] {
    const first = new Map<string, Source>();
    const heard = new Map<string, Source[]>();
    for (const source of this.#sources) {
      const { device } = source.subscription;
      const winner = first.get(device);
      if (winner === undefined) {
        first.set(device, source);
        heard.set(device, [source]);
      } else if (winner.spec === source.spec) {
        heard.get(device)?.push(source);
      } else {
        source.node.line(conflictWith(winner.node));
      }
    }
    this.#heard = new Map(
      [...heard].map(([device, sources]) => {
        const nodes = sources.map((source) => source.node);
        return [device, { nodes, receivers: receiversOf(nodes) }];
      }),
    );
    for (const device of this.#lines.keys()) {
      if (!heard.has(device)) {
        this.#lines.delete(device);
      }
    }
    for (const [device, line] of this.#lines) {
      this.#tell(device, line);
    }
    return [...first.values()].map((source) => source.subscription);
  }

  /** Who gets this take. */
  receiversOf(take: Take): Receivers {
    return take.class === "notice"
      ? this.#noticed
      : (this.#heard.get(take.device)?.receivers ?? NOBODY);
  }

  /** How the line of a device is doing. */
  line(device: string, status: LineStatus): void {
    if (this.#heard.has(device)) {
      this.#lines.set(device, status);
      this.#tell(device, status);
    }
  }

  #tell(device: string, status: LineStatus): void {
    for (const node of this.#heard.get(device)?.nodes ?? []) {
      node.line(status);
    }
  }

  #add<Entry>(to: Set<Entry>, entry: Entry): () => void {
    to.add(entry);
    this.#onChange();
    return () => {
      if (to.delete(entry)) {
        this.#onChange();
      }
    };
  }
}

/** What is known of a take before its items are looked at. */
export function factsOf({ device, boot, take, class: name, digest, items }: Take): TakeFacts {
  return { device, boot, take, class: name, count: items.length, digest };
}

/** Hands a take to its receivers; each gets a message and items of its own, since nodes may change them. */
export function deliver(take: Take, { nodes }: Receivers, generation: number): void {
  const { device, boot, take: number, class: name, digest, items } = take;
  const count = items.length;
  const indices = firstIndices(count);
  // The last one: whoever has it may change it at once.
  const last = nodes.at(-1);
  for (const node of nodes) {
    const facts: WardTake = { device, boot, take: number, class: name, count, digest, indices };
    const ward: WardMessage = { class: name, generation, takes: [facts] };
    node.take(node === last ? take : { ...take, items: structuredClone(items) }, ward);
  }
}

function receiversOf(nodes: readonly Receiver[]): Receivers {
  const tabs = new Set(nodes.map((node) => node.tab.toWellFormed()));
  return { nodes, tabs: [...tabs].join(", ").slice(0, TAB_CHARS_MAX).toWellFormed() };
}

const NOBODY: Receivers = { nodes: [], tabs: "" };

/** The source nodes of one device. */
interface Heard {
  readonly nodes: readonly SourceNode[];
  readonly receivers: Receivers;
}

interface Source {
  readonly subscription: Subscription;
  readonly spec: string;
  readonly node: SourceNode;
}

const TAB_CHARS_MAX = 200;

function specOf({ device, model, line, unit, options }: Subscription): string {
  const sorted = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([device, model, line, unit, sorted]);
}

function conflictWith(node: SourceNode): LineStatus {
  return {
    state: "backoff",
    text: `Another node (on ${node.tab}) reads this device with other settings. Make them the same, or remove one.`,
    since: 0,
    rate: 0,
    badBytes: 0,
  };
}
