import { setTimeout as sleep } from "node:timers/promises";

import { errorText } from "../errors.ts";
import { GuardDoor, type Handful } from "./guard-door.ts";
import { KeptSettings } from "./kept-settings.ts";
import type { GuardPlace, GuardState, KeeperToGuard } from "./message.ts";
import { HostNames, nameServers } from "./names.ts";
import { GuardNews } from "./news.ts";
import { applyRules, listTable, removeRules } from "./nft.ts";
import { type GuardPolicy, guardPolicy, THE_BOX } from "./policy.ts";
import { renderRules } from "./ruleset.ts";
import { type Neighbour, readTable, type TableView } from "./sightings.ts";

export interface GuardOptions {
  /** Path of the UNIX socket on which the keeper brings settings and hears what was seen. */
  readonly socket: string;
  /** Directory of the guard's own: nobody else may write to it. */
  readonly directory: string;
  /** Hears what the guard does, one line each. */
  readonly say: (line: string) => void;
  /** Only tests give it. */
  readonly nft?: string;
}

/**
 * The guard in the path of the devices: the rules of the signed settings in the kernel, and an eye on who runs into them. Rules
 * outlive it: while it is away nothing is open that was closed, and what ran into them meanwhile is told when it is back.
 */
export class Guard {
  readonly #options: GuardOptions;
  readonly #kept: KeptSettings;
  readonly #names = new HostNames();
  readonly #news = new GuardNews();
  readonly #door: GuardDoor;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #neighbours: readonly Neighbour[] = [];
  /** What was put in force, and how the kernel tells it; null before the first time. */
  #inForce: { readonly text: string; told: string | null; readonly site: string } | null = null;
  #place: GuardPlace = "idle";
  #problem = "";
  #refusal = "";
  #tampered = 0;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  /** Ends the pause between two looks. */
  #wake = new AbortController();
  #isOffered = false;

  private constructor(options: GuardOptions, kept: KeptSettings) {
    this.#options = options;
    this.#kept = kept;
    this.#door = new GuardDoor(options.socket, {
      state: () => this.#state(),
      next: () => this.#next(),
      heard: (told) => this.#news.heard(told),
      settings: (offer) => this.#offered(offer),
    });
  }

  /**
   * Puts the kept rules in force, then listens to the keeper. Throws WardError `WARD_GUARD_KEPT` or `WARD_GUARD_TWICE`, or the error of the
   * socket; trouble with nft is told and tried again.
   */
  static async open(options: GuardOptions): Promise<Guard> {
    const guard = new Guard(options, KeptSettings.open(options.directory));
    await guard.#door.refuseSecond();
    await guard.#look();
    await guard.#door.open();
    guard.#running = guard.#run();
    return guard;
  }

  /** Ends the guard. Its rules stay in force. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#door.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const either = AbortSignal.any([signal, this.#wake.signal]);
      await sleep(this.#isOffered ? 0 : LOOK_MS, undefined, { signal: either }).catch(
        () => undefined,
      );
      if (!signal.aborted) {
        this.#isOffered = false;
        await this.#look();
      }
    }
  }

  /** One look: what has been seen, whether the rules are still those, and what else they should be. */
  async #look(): Promise<void> {
    const before = JSON.stringify(this.#state());
    try {
      await this.#see();
      await this.#enforce();
      this.#problem = "";
    } catch (error) {
      this.#problem = errorText(error);
    }
    const state = this.#state();
    if (JSON.stringify(state) !== before) {
      this.#options.say(stateText(state));
    }
    // With every look, so that the keeper knows of a guard that has stopped.
    this.#door.tell(state);
    this.#door.hand(this.#neighbours);
  }

  async #see(): Promise<void> {
    if (this.#inForce?.text === "") {
      // There is nothing to be seen, and nothing to be set right.
      return;
    }
    const json = await listTable(this.#options.nft);
    const view: TableView = readTable(json);
    this.#news.look(view.sightings, performance.now());
    this.#neighbours = view.neighbours;
    const inForce = this.#inForce;
    if (inForce === null) {
      return;
    }
    if (inForce.told === null) {
      inForce.told = view.rules;
    } else if (inForce.told !== view.rules) {
      this.#tampered += 1;
      this.#inForce = null;
    }
  }

  /** Makes the rules in force those of the settings; they are looked at again at once, so that no change by others slips in between. */
  async #enforce(): Promise<void> {
    const verified = this.#kept.current;
    const policy = verified === null ? null : guardPolicy(verified.settings);
    if (verified === null || policy === null) {
      if (this.#place !== "idle" || (verified !== null && this.#inForce === null)) {
        await removeRules(this.#options.nft);
      }
      this.#place = "idle";
      this.#inForce = verified === null ? null : { text: "", told: null, site: verified.sha256 };
      return;
    }
    await this.#refreshNames(policy);
    const withNames = {
      ...policy,
      own: { ...policy.own, calls: [...policy.own.calls, ...nameServers()] },
    };
    const text = renderRules(withNames, this.#names.of);
    if (this.#inForce?.text !== text) {
      // What was seen goes with the rules before.
      await this.#see();
      await applyRules(text, this.#options.nft);
      this.#inForce = { text, told: null, site: verified.sha256 };
      await this.#see();
    }
    this.#inForce = { ...this.#inForce, site: verified.sha256 };
    this.#place = policy.wardInterfaces.length > 0 ? "in-path" : "beside";
  }

  async #refreshNames({ reads, allow, own }: GuardPolicy): Promise<void> {
    const now = performance.now();
    const places = [...reads, ...own.calls, ...allow.map(({ to }) => to)];
    const hosts = places.map(({ host }) => host).filter((host) => host !== THE_BOX);
    const isKnown = hosts.every((host) => this.#names.of(host).length > 0);
    if (now - this.#refreshedAt < (isKnown ? NAMES_MS : NAMES_RETRY_MS)) {
      return;
    }
    this.#refreshedAt = now;
    const asked = this.#names.refresh(hosts, now);
    // A name service that is slow to answer must not keep rules from coming into force: the next look has its answer.
    await Promise.race([asked, sleep(NAMES_WAIT_MS, undefined, { ref: false })]);
  }

  #offered(offer: Extract<KeeperToGuard, { t: "settings" }>): void {
    try {
      if (this.#kept.take(offer)) {
        this.#refreshedAt = Number.NEGATIVE_INFINITY;
        this.#isOffered = true;
        this.#wake.abort();
      }
      this.#refusal = "";
    } catch (error) {
      this.#refusal = errorText(error);
      this.#options.say(this.#refusal);
    }
    this.#door.tell(this.#state());
  }

  #next(): Handful | null {
    const next = this.#news.next();
    const named = (next?.sightings ?? []).map((sighting) => ({
      ...sighting,
      name: this.#names.nameOf(sighting.from),
    }));
    return next === null ? null : { sightings: named, left: next.left };
  }

  #state(): GuardState {
    return {
      t: "state",
      place: this.#place,
      site: this.#inForce?.site ?? "",
      problem: this.#problem === "" ? this.#refusal : this.#problem,
      tampered: this.#tampered,
    };
  }
}

function stateText({ place, problem, tampered }: GuardState): string {
  const where = {
    "in-path": "in the path of the devices",
    beside: "beside the path",
    idle: "idle",
  };
  const trouble = problem === "" ? "" : ` ${problem}`;
  const again = tampered === 0 ? "" : ` Rules were changed by somebody else ${tampered} times.`;
  return `The guard is ${where[place]}.${again}${trouble}`;
}

/** With what it takes to look and to tell, within 5 s. */
const LOOK_MS = 1500;
const NAMES_MS = 60_000;
const NAMES_RETRY_MS = 5000;
const NAMES_WAIT_MS = 1000;
