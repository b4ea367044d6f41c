import type { Ask } from "../device.ts";
import { encodeMessage } from "./agilia-link.ts";
import type { AgiliaAnswer } from "./agilia-readings.ts";
import { modulesOf, variablesOf } from "./agilia-readings.ts";

/**
 * Decides what to ask next: first who is there (a base, or a pump by itself, tried in turn), then which modules the base has, then
 * each module's values again and again. One question at a time. After three without an answer it starts anew.
 */
export class AgiliaSession {
  readonly #everyMs: number;
  #asked: Asked | null = null;
  #deadlineAt = 0;
  #missed = 0;
  #hasBase = false;
  #connectAt = 0;
  /** The next attempt to connect goes to a base, not to a pump by itself. */
  #tryBase = true;
  #modulesAt = 0;
  readonly #pumps = new Map<number | null, Pump>();

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** The question that is due, or null. `at` is monotonic milliseconds. */
  next(at: number): Ask | null {
    if (this.#asked !== null && at < this.#deadlineAt) {
      return null;
    }
    if (this.#asked !== null) {
      this.#asked = null;
      this.#missed += 1;
      if (this.#missed >= MISSED_MAX) {
        this.#startAnew();
      }
    }
    const isConnected = this.#hasBase || this.#pumps.size > 0;
    return isConnected ? this.#nextOfConnected(at) : this.#connect(at);
  }

  /** Asks a pump for its drug, now that it has answered; null when another answer is waited for. */
  askDrug(address: number | null, at: number): Ask | null {
    return this.#asked === null ? this.#ask({ what: "drug", address }, at) : null;
  }

  /** Takes what a pump or the base answered. */
  answered({ address, status, body }: AgiliaAnswer, at: number): void {
    const asked = this.#asked;
    if (asked === null || asked.address !== address || (status !== "C" && status !== "I")) {
      return;
    }
    this.#asked = null;
    this.#missed = 0;
    if (status === "I") {
      this.#refused(asked, body, at);
    } else if (asked.what === "connect") {
      this.#connected(address, at);
    } else if (asked.what === "modules") {
      this.#useModules(modulesOf(variablesOf(body)?.get("b")), at);
    }
  }

  #nextOfConnected(at: number): Ask | null {
    if (this.#hasBase && at >= this.#modulesAt) {
      this.#modulesAt = at + MODULES_EVERY_MS;
      return this.#ask({ what: "modules", address: 0 }, at);
    }
    const due = [...this.#pumps.values()].filter(({ dueAt }) => dueAt <= at);
    const [pump] = due.sort((a, b) => a.dueAt - b.dueAt);
    if (pump === undefined) {
      return null;
    }
    const { address } = pump;
    if (!pump.isConnected) {
      pump.dueAt = at + CONNECT_EVERY_MS;
      return this.#ask({ what: "connect", address }, at);
    }
    if (pump.asks === TYPE_AFTER_ASKS) {
      pump.asks += 1;
      return this.#ask({ what: "type", address }, at);
    }
    pump.asks += 1;
    pump.dueAt = at + this.#everyMs;
    return this.#ask({ what: "values", address, variables: nextVariables(pump) }, at);
  }

  #connect(at: number): Ask | null {
    if (at < this.#connectAt) {
      return null;
    }
    this.#connectAt = at + CONNECT_EVERY_MS;
    const address = this.#tryBase ? 0 : null;
    this.#tryBase = !this.#tryBase;
    return this.#ask({ what: "connect", address }, at);
  }

  #ask(asked: Asked, at: number): Ask {
    this.#asked = asked;
    this.#deadlineAt = at + DEADLINE_MS;
    const { verb, command } = commandOf(asked);
    return { kind: "ask", verb, bytes: encodeMessage(`${asked.address ?? ""}${command}`) };
  }

  #connected(address: number | null, at: number): void {
    if (address === 0) {
      this.#hasBase = true;
      this.#modulesAt = at;
      return;
    }
    const pump = this.#pumps.get(address) ?? newPump(address);
    this.#pumps.set(address, { ...pump, isConnected: true, asks: 0, dueAt: at });
  }

  #useModules(modules: readonly number[], at: number): void {
    for (const address of this.#pumps.keys()) {
      if (address !== null && !modules.includes(address)) {
        this.#pumps.delete(address);
      }
    }
    for (const address of modules.filter((module) => !this.#pumps.has(module))) {
      this.#pumps.set(address, { ...newPump(address), dueAt: at });
    }
  }

  #refused({ what, address }: Asked, error: string, at: number): void {
    const pump = this.#pumps.get(address);
    if (error === ERROR_NO_BASE_SESSION) {
      this.#startAnew();
    } else if (pump !== undefined && (error === ERROR_NO_SESSION || error === ERROR_NO_MODULE)) {
      pump.isConnected = false;
      pump.dueAt = at + (error === ERROR_NO_MODULE ? CONNECT_EVERY_MS : 0);
    } else if (pump !== undefined && what === "values") {
      pump.variables = SINGLE_VARIABLES;
    }
  }

  #startAnew(): void {
    this.#hasBase = false;
    this.#missed = 0;
    this.#pumps.clear();
  }
}

/** What is asked, and whom. */
interface Asked {
  readonly what: "connect" | "modules" | "values" | "type" | "drug";
  readonly address: number | null;
  readonly variables?: string;
}

interface Pump {
  readonly address: number | null;
  isConnected: boolean;
  /** Questions since the session with it was opened. */
  asks: number;
  dueAt: number;
  /** What to ask for next; the first moves to the end. */
  variables: readonly string[];
}

const DEADLINE_MS = 1000;
const CONNECT_EVERY_MS = 2000;
const MODULES_EVERY_MS = 10_000;
const MISSED_MAX = 3;
/** What kind of pump it is is asked after the first values. */
const TYPE_AFTER_ASKS = 1;
const ALL_VARIABLES: readonly string[] = ["drmae"];
/** For pumps that refuse to give all at once. */
const SINGLE_VARIABLES: readonly string[] = ["d", "r"];
const ERROR_NO_BASE_SESSION = "0D";
const ERROR_NO_MODULE = "0E";
const ERROR_NO_SESSION = "1E";

function newPump(address: number | null): Pump {
  return { address, isConnected: false, asks: 0, dueAt: 0, variables: ALL_VARIABLES };
}

function nextVariables(pump: Pump): string {
  const [first = "d", ...others] = pump.variables;
  pump.variables = [...others, first];
  return first;
}

function commandOf({ what, variables = "d" }: Asked): { verb: string; command: string } {
  switch (what) {
    case "connect":
      return { verb: "connect", command: "DC" };
    case "modules":
      return { verb: "ask-modules", command: "LE;b" };
    case "values":
      return { verb: "ask-values", command: `LE;${variables}` };
    case "type":
      return { verb: "ask-type", command: "LF;b" };
    case "drug":
      return { verb: "ask-drug", command: "LP" };
  }
}
