import { errorText } from "../errors.ts";
import type { Take } from "../reading.ts";
import type { Outcome, Subscription } from "../rooms.ts";
import type { Settlement } from "./settlement.ts";
import { deliver, factsOf, type Receivers, Sources } from "./sources.ts";

export interface IntakeOptions {
  readonly settlement: Settlement;
  /** Takes in the flow, at most; the same as the settlement's. */
  readonly unsettledMax: number;
  /** A new generation: bedside hands over again all that is not settled. */
  readonly announce: (generation: number, subscriptions: readonly Subscription[]) => void;
  /** Takes that were handed over again although they are settled. */
  readonly settled: (outcomes: readonly Outcome[]) => void;
  /** Something may have to be accounted for. */
  readonly account: () => void;
  readonly log: (line: string) => void;
}

/**
 * How takes come into the flow. A generation begins with every start of flows, whole or partial, and whenever else bedside must
 * hand over again what is not settled; takes that were handed over for an older generation are ignored.
 */
export class Intake {
  readonly sources: Sources;
  readonly #options: IntakeOptions;
  #generation = 0;
  #subscriptions = 0;
  /** True while flows run and takes may be handed to them. */
  #running = false;
  #announcing = false;
  /** Some take found no room and must be handed over again. */
  #overflowed = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.sources = new Sources(() => this.#announceSoon());
  }

  get generation(): number {
    return this.#generation;
  }

  /** Devices asked for. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Nodes are about to stop. */
  pause(): void {
    this.#running = false;
  }

  /** All nodes run. `now` is flow time. */
  start(now: number): void {
    this.#options.settlement.newRun(now);
    this.#running = true;
    this.announce();
  }

  /** Begins a generation, if flows run. */
  announce(): void {
    if (!this.#running) {
      return;
    }
    this.#generation += 1;
    this.#overflowed = false;
    const subscriptions = this.sources.settle();
    this.#subscriptions = subscriptions.length;
    this.#options.announce(this.#generation, subscriptions);
  }

  /** Takes that bedside handed over for `generation`, at `now` of flow time. */
  admit(generation: number, takes: readonly Take[], now: number): void {
    if (!this.#running || generation !== this.#generation) {
      return;
    }
    const { settlement, settled, account } = this.#options;
    const again: Outcome[] = [];
    for (const take of takes) {
      const receivers = this.sources.receiversOf(take);
      switch (settlement.admit(factsOf(take), receivers.tabs, now)) {
        case "new":
          this.#hand(take, receivers);
          break;
        case "settled":
          again.push(...[settlement.outcomeOf(take) ?? []].flat());
          break;
        case "full":
          this.#overflowed = true;
          break;
        case "repeat":
          break;
      }
    }
    if (again.length > 0) {
      settled(again);
    }
    account();
  }

  /** To be called regularly, with flow time: ends what was lost in the flow and makes up for takes that found no room. */
  tick(now: number): void {
    const { settlement, unsettledMax, account } = this.#options;
    if (settlement.expire(now) > 0) {
      account();
    }
    if (this.#overflowed && settlement.unsettled <= unsettledMax / 2) {
      this.announce();
    }
  }

  #hand(take: Take, receivers: Receivers): void {
    if (receivers.nodes.length === 0) {
      const tab = take.class === "notice" ? NO_NOTICES_NODE : NO_SOURCE_NODE;
      this.#options.settlement.drop(take, tab);
      return;
    }
    try {
      deliver(take, receivers, this.#generation);
    } catch (error) {
      this.#options.log(`source node: ${errorText(error)}`);
    }
  }

  /** Nodes may also come and go while flows run. */
  #announceSoon(): void {
    if (!this.#running || this.#announcing) {
      return;
    }
    this.#announcing = true;
    setImmediate(() => {
      this.#announcing = false;
      this.announce();
    });
  }
}

const NO_SOURCE_NODE = "(no source node)";
const NO_NOTICES_NODE = "(no notices node)";
