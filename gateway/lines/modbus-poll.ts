import type { BadBytes, RegisterLimits, RegisterPoll } from "../devices/device.ts";
import { Backoff } from "./backoff.ts";
import { isBits } from "./modbus-frames.ts";
import type { BusLink, Values } from "./modbus-link.ts";
import type { PlannedRequest, RegisterCut } from "./modbus-plan.ts";
import { isCut } from "./modbus-plan.ts";

/** What the replies to one poll mean. */
export type PollMeaning =
  /** The words of each wanted block, null for one that was refused. */
  | { readonly kind: "words"; readonly words: readonly (readonly number[] | null)[] }
  /** The device refused to read together what it may well read apart: the poll is to be repeated at once. */
  | { readonly kind: "again" }
  /** The device refused everything. */
  | { readonly kind: "refused" };

interface Refusal {
  readonly request: PlannedRequest;
  readonly code: number;
}

/** One pace of one device: what it asks for, when it is due, and what it has learned about what the device refuses. */
export class UnitPoll {
  readonly poll: RegisterPoll;
  readonly limits: RegisterLimits;
  #cuts: readonly RegisterCut[] = [];
  #isTidy = false;
  readonly #backoff: Backoff;
  #requests: readonly PlannedRequest[] | null = null;
  /** Requests that were refused the last time, and need not be told again. */
  #refused = "";
  /** When it is due (performance.now()). */
  dueAt: number;

  constructor(poll: RegisterPoll, limits: RegisterLimits, backoffMaxMs: number) {
    this.poll = poll;
    this.limits = limits;
    const firstMs = Math.max(poll.everyMs, RETRY_FIRST_MS);
    this.#backoff = new Backoff({ firstMs, maxMs: backoffMaxMs });
    this.dueAt = performance.now();
  }

  /** The requests of one poll. */
  requests(link: BusLink): readonly PlannedRequest[] {
    this.#requests ??= link.plan(this.poll.blocks, this.limits, this.#cuts);
    return this.#requests;
  }

  /** Sorts out replies: values, or the exception code of a refusal, for each request. `tell` hears of refusals, each once. */
  take(replies: readonly (Values | number)[], tell: (fault: BadBytes) => void): PollMeaning {
    const requests = this.#requests ?? [];
    const refusals = requests.flatMap((request, place) => {
      const code = replies[place];
      return typeof code === "number" ? [{ request, code }] : [];
    });
    const cuts = refusals.flatMap((refusal) => this.#cutsOf(refusal));
    if (cuts.length > 0) {
      this.#learn(cuts, refusals, tell);
      return { kind: "again" };
    }
    this.#tellRefused(refusals, tell);
    if (refusals.length === requests.length) {
      // What refuses everything has taught nothing about borders.
      this.#cuts = [];
      this.#requests = null;
      this.dueAt = performance.now() + this.#backoff.next();
      return { kind: "refused" };
    }
    this.#backoff.reset();
    this.#plan();
    this.#tidy(refusals);
    return { kind: "words", words: this.#wordsOf(requests, replies) };
  }

  /** The next poll comes `everyMs` after this one was due, or now if that has passed. */
  #plan(): void {
    this.dueAt = Math.max(this.dueAt + this.poll.everyMs, performance.now());
  }

  #wordsOf(
    requests: readonly PlannedRequest[],
    replies: readonly (Values | number)[],
  ): (readonly number[] | null)[] {
    const { blocks } = this.poll;
    const words: (readonly number[] | null)[] = blocks.map(() => null);
    for (const [place, { address, holds }] of requests.entries()) {
      const reply = replies[place];
      if (typeof reply !== "object") {
        continue;
      }
      for (const held of holds) {
        const block = blocks[held];
        if (block !== undefined) {
          const from = block.address - address;
          words[held] = reply.slice(from, from + block.count);
        }
      }
    }
    return words;
  }

  #learn(
    cuts: readonly RegisterCut[],
    refusals: readonly Refusal[],
    tell: (fault: BadBytes) => void,
  ): void {
    if (this.#cuts.length === 0) {
      const what = refusals.map(refusalText).join(", ").slice(0, TEXT_CHARACTERS_MAX);
      tell(exception(`The device refused to read ${what}; it is asked for less at once`));
    }
    this.#cuts = [...this.#cuts, ...cuts];
    this.#requests = null;
    this.dueAt = performance.now();
  }

  /** Blocks that are refused by themselves explain earlier refusals: then borders around them may be all that is needed. Tried once. */
  #tidy(refusals: readonly Refusal[]): void {
    if (refusals.length === 0 || this.#cuts.length === 0 || this.#isTidy) {
      return;
    }
    this.#isTidy = true;
    this.#cuts = refusals.flatMap(({ request: { function: code, address, count } }) => [
      { function: code, address },
      { function: code, address: address + count },
    ]);
    this.#requests = null;
  }

  /**
   * A device may refuse gaps, or so many registers at once: where a refused request is to be cut. Around its gaps, else in the middle;
   * nowhere when it is one block.
   */
  #cutsOf({ request, code }: Refusal): RegisterCut[] {
    if (code !== NO_SUCH_REGISTER && code !== NOT_ALLOWED) {
      return [];
    }
    const held = request.holds.flatMap((place) => this.poll.blocks[place] ?? []);
    const edges = new Set(held.flatMap(({ address, count }) => [address, address + count]));
    const cuts = [...edges]
      .sort((a, b) => a - b)
      .map((address) => ({ function: request.function, address }))
      .filter((cut) => isCut(request, cut) && !held.some((block) => isCut(block, cut)));
    const around = cuts.filter(({ address }) => isGapEdge(address, held));
    return around.length > 0 ? around : cuts.slice(cuts.length >> 1, (cuts.length >> 1) + 1);
  }

  #tellRefused(refusals: readonly Refusal[], tell: (fault: BadBytes) => void): void {
    const text = refusals.map(refusalText).join(", ").slice(0, TEXT_CHARACTERS_MAX);
    const isAll = refusals.length === this.#requests?.length;
    if (text !== "" && (text !== this.#refused || isAll)) {
      tell(exception(`The device refused to read ${text}`));
    }
    this.#refused = text;
  }
}

/** The reason of an exception in plain words. */
export function reasonOf(code: number): string {
  return `exception ${code}, ${EXCEPTIONS[code] ?? "no reason known"}`;
}

/** True where wanted registers end or begin and nothing wanted is on the other side. */
function isGapEdge(
  edge: number,
  held: readonly { readonly address: number; readonly count: number }[],
): boolean {
  const isWanted = (register: number): boolean =>
    held.some(({ address, count }) => address <= register && register < address + count);
  return isWanted(edge - 1) !== isWanted(edge);
}

function refusalText({ request: { function: kind, address, count }, code }: Refusal): string {
  const what = isBits(kind) ? "bits" : "registers";
  const last = address + count - 1;
  return `${what} ${address} to ${last} of function ${kind} (${reasonOf(code)})`;
}

function exception(text: string): BadBytes {
  return { kind: "fault", fault: "exception", bytes: 0, text };
}

/** A device that refuses everything is asked again after so long at first (milliseconds). */
const RETRY_FIRST_MS = 1000;
const NO_SUCH_REGISTER = 2;
const NOT_ALLOWED = 3;
const TEXT_CHARACTERS_MAX = 400;
/** MODBUS Application Protocol V1.1b3 §7. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  1: "function not supported",
  2: "no such register",
  3: "value not allowed",
  4: "device failure",
  5: "request accepted, answer later",
  6: "device busy",
  8: "memory parity error",
  10: "gateway path unavailable",
  11: "device behind the gateway does not answer",
};
