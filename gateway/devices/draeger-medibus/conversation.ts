import type { Ask } from "../device.ts";
import { CODES, NAK } from "./bytes.ts";
import { commandOf, responseOf } from "./messages.ts";
import type { RealtimeSetup } from "./realtime-setup.ts";
import type { CyclicRequest, MedibusRequest } from "./requests.ts";
import { CYCLIC_REQUESTS, IDENTIFY, INITIALIZE, KEEP_ALIVE, READ_OFFER } from "./requests.ts";
import type { MedibusMessage } from "./slow-messages.ts";

export interface ConversationOptions {
  readonly pollMs: number;
  readonly texts: boolean;
  readonly limits: boolean;
}

/**
 * Keeps the conversation with the device going, as both sides of MEDIBUS must (90 28 258, "MEDIBUS-Life-Cycle"): ICC until one side has
 * answered it, device identification, then one question after the other. Every command of the device is answered at once. A pause
 * of 3 seconds ends the link for both; a device answers within 10.
 */
export class Conversation {
  readonly #setup: RealtimeSetup;
  readonly #cycle: readonly Cyclic[];
  #isOpen = false;
  /** The device has said who it is, or had time to. */
  #isIdentified = false;
  /** When to ask once more who it is: its answer never came whole. */
  #identityDueAt = Number.POSITIVE_INFINITY;
  #calledAt = Number.NEGATIVE_INFINITY;
  #heardAt = Number.NEGATIVE_INFINITY;
  #saidAt = Number.NEGATIVE_INFINITY;
  #readyAt = 0;
  #pending: Pending | null = null;

  constructor({ pollMs, ...options }: ConversationOptions, setup: RealtimeSetup) {
    this.#setup = setup;
    this.#cycle = CYCLIC_REQUESTS.filter(
      ({ option }) => option === undefined || options[option],
    ).map((request) => ({ request, everyMs: Math.max(request.everyMs ?? 0, pollMs), dueAt: 0 }));
  }

  /** Slow bytes came, whatever they are. */
  heard(at: number): void {
    this.#heardAt = at;
  }

  tick(at: number): Ask[] {
    if (!this.#isOpen) {
      return this.#isCallDue(at) ? [this.#call(at)] : [];
    }
    if (at - this.#heardAt >= PAUSE_MS) {
      this.#isOpen = false;
      return [this.#call(at)];
    }
    const syncs = this.#setup.tick(at);
    return [...syncs, ...this.#next(at)];
  }

  /** A command or response with a good checksum; the answer must go out at once. */
  take(message: MedibusMessage, at: number): Ask[] {
    if (message.kind === "command") {
      return this.#answer(message, at);
    }
    const pending = this.#pending;
    if (message.code === CODES.initialize && !this.#isOpen) {
      this.#open(at);
    } else if (message.code === CODES.corrupt) {
      this.#askAgain();
    } else if (pending !== null && pending.code === message.code) {
      this.#pending = null;
      if (pending.code === CODES.identify) {
        this.#identityDueAt = Number.POSITIVE_INFINITY;
      }
      if (pending.code === CODES.identify && !this.#isIdentified) {
        this.#isIdentified = true;
        this.#readyAt = Math.max(this.#readyAt, at + SETTLE_MS);
      }
    }
    return [];
  }

  /** A message came with a wrong checksum. */
  broken(what: "command" | "response", at: number): Ask[] {
    if (what === "response") {
      this.#askAgain();
      return [];
    }
    return [this.#respond(NAK, at)];
  }

  #isCallDue(at: number): boolean {
    const wasHeard = this.#heardAt > this.#calledAt;
    return at - this.#calledAt >= (wasHeard ? ANSWER_MS : PAUSE_MS);
  }

  #call(at: number): Ask {
    this.#calledAt = at;
    this.#pending = null;
    return this.#ask(INITIALIZE, at);
  }

  /** Both sides have forgotten what was said before. */
  #open(at: number): void {
    this.#isOpen = true;
    this.#isIdentified = false;
    this.#identityDueAt = Number.POSITIVE_INFINITY;
    this.#pending = null;
    this.#readyAt = at;
    this.#cycle.forEach((cyclic) => (cyclic.dueAt = at));
    this.#setup.restart(at);
  }

  #answer({ code, nested }: MedibusMessage, at: number): Ask[] {
    switch (code) {
      case CODES.initialize: {
        const answer = this.#respond(code, at);
        this.#open(at);
        return [answer];
      }
      case CODES.identify:
        // Some devices take no other command until they have worked on the answer.
        this.#readyAt = Math.max(this.#readyAt, at + AFTER_IDENTITY_MS);
        return [{ ...this.#respond(code, at, IDENTITY), verb: "answer-identity" }];
      case CODES.timeChanged:
        for (const cyclic of this.#cycle) {
          cyclic.dueAt = cyclic.request.code === CODES.clock ? at : cyclic.dueAt;
        }
        return [this.#respond(code, at)];
      case CODES.realtimeChanged:
        return [this.#respond(code, at), ...this.#setup.changed(at)];
      case CODES.keepAlive:
        // A device that is working on a question has no time for this: the question did not reach it.
        if (!nested && this.#pending !== null && at - this.#pending.at >= IDLE_MS) {
          this.#askAgain();
        }
        return [this.#respond(code, at)];
      default:
        return [this.#respond(code, at)];
    }
  }

  #next(at: number): Ask[] {
    const pending = this.#pending;
    if (pending !== null) {
      const isLate = at - pending.at >= ANSWER_MS;
      if (!isLate && !pending.again) {
        return [];
      }
      if (pending.tries < TRIES_MAX) {
        return this.#send(pending.ask, pending.code, at, pending.tries + 1);
      }
      this.#pending = null;
      if (isLate) {
        this.#isOpen = false;
        return [this.#call(at)];
      }
      if (pending.code === CODES.identify) {
        // Values that need no identity are not kept waiting for it.
        this.#isIdentified = true;
        this.#identityDueAt = at + IDENTITY_AGAIN_MS;
      } else if (pending.code === CODES.realtimeSelect) {
        this.#setup.postpone(at);
      }
    }
    if (at < this.#readyAt) {
      return [];
    }
    if (!this.#isIdentified) {
      return this.#question(IDENTIFY, at);
    }
    return this.#realtimeQuestion(at) ?? this.#cyclicQuestion(at);
  }

  #realtimeQuestion(at: number): Ask[] | null {
    const selection = this.#setup.selection();
    if (selection !== null) {
      return this.#send(selection, CODES.realtimeSelect, at);
    }
    if (this.#setup.isOfferDue(at)) {
      this.#setup.postpone(at);
      return this.#question(READ_OFFER, at);
    }
    return null;
  }

  /** What has been due for longest; else the line is kept alive. */
  #cyclicQuestion(at: number): Ask[] {
    if (at >= this.#identityDueAt) {
      return this.#question(IDENTIFY, at);
    }
    let next: Cyclic | null = null;
    for (const cyclic of this.#cycle) {
      if (cyclic.dueAt <= at && (next === null || cyclic.dueAt < next.dueAt)) {
        next = cyclic;
      }
    }
    if (next !== null) {
      next.dueAt = Math.max(next.dueAt + next.everyMs, at);
      return this.#question(next.request, at);
    }
    return at - this.#saidAt >= KEEP_ALIVE_MS ? this.#question(KEEP_ALIVE, at) : [];
  }

  #question(request: MedibusRequest, at: number): Ask[] {
    return this.#send(this.#ask(request, at), request.code, at);
  }

  #send(ask: Ask, code: number, at: number, tries = 1): Ask[] {
    this.#pending = { ask, code, at, tries, again: false };
    this.#saidAt = at;
    return [ask];
  }

  #askAgain(): void {
    if (this.#pending !== null) {
      this.#pending.again = true;
    }
  }

  #ask({ verb, code }: MedibusRequest, at: number): Ask {
    this.#saidAt = at;
    return { kind: "ask", verb, bytes: commandOf(code) };
  }

  #respond(code: number, at: number, data = ""): Ask {
    this.#saidAt = at;
    return { kind: "ask", verb: "acknowledge", bytes: responseOf(code, data) };
  }
}

interface Cyclic {
  readonly request: CyclicRequest;
  readonly everyMs: number;
  dueAt: number;
}

/** A command that has no answer yet. */
interface Pending {
  readonly ask: Ask;
  readonly code: number;
  readonly at: number;
  readonly tries: number;
  /** It is known not to have been answered. */
  again: boolean;
}

/** 0161 is a computer that data are sent to, which is never asked for any. Then revision of the program and of MEDIBUS. */
const IDENTITY = "0161'Wardgate'01.00:06.00";

const PAUSE_MS = 3000;
const ANSWER_MS = 10_000;
const KEEP_ALIVE_MS = 2000;
/** A device that hears nothing for 2 seconds sends NOP. */
const IDLE_MS = 1500;
const TRIES_MAX = 3;
const IDENTITY_AGAIN_MS = 10_000;
const AFTER_IDENTITY_MS = 300;
/** For the device to ask who this is, before it is asked for data. */
const SETTLE_MS = 500;
