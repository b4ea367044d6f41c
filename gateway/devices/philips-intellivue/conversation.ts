import type { Ask } from "../device.ts";
import {
  ABORT,
  associationRequest,
  OPTION_NUMERICS_1S,
  OPTION_WAVES,
  RELEASE_REQUEST,
} from "./association.ts";
import type { EventReport, Message } from "./message.ts";
import { isMdsCreate } from "./message.ts";
import { eventResult } from "./requests.ts";
import { Polls } from "./polls.ts";
import type { PollPlan } from "./polls.ts";

/** What the engineer wants of this monitor. */
export interface ConversationPlan extends PollPlan {
  readonly isListenOnly: boolean;
  readonly receiveBytesMax: number;
}

type State = "apart" | "asked" | "accepted" | "associated" | "releasing";

/**
 * The client's side of the protocol: associate, confirm the MDS create event, poll, and begin anew when the monitor refuses, aborts
 * or falls silent. It says nothing but polls, answers and the messages of association control.
 */
export class Conversation {
  readonly #plan: ConversationPlan;
  readonly #frame: (pdu: Uint8Array) => Uint8Array;
  #polls: Polls;
  #state: State = "apart";
  /** When the present state has lasted too long; apart, when to ask again. */
  #deadline = 0;
  /** The monitor has granted waves, or its acceptance did not come or does not say. */
  #hasWaves = true;
  /** The monitor still sends results of an association that this side knows nothing of. */
  #isStale = false;

  constructor(plan: ConversationPlan, frame: (pdu: Uint8Array) => Uint8Array) {
    this.#plan = plan;
    this.#frame = frame;
    this.#polls = new Polls(plan);
  }

  /** Takes what the monitor said; what must be answered at once comes back. */
  hear(message: Message, at: number): Ask[] {
    if (this.#plan.isListenOnly) {
      return [];
    }
    switch (message.kind) {
      case "accepted":
        if (this.#state !== "associated") {
          this.#hasWaves = message.options === null || (message.options & OPTION_WAVES) !== 0;
          this.#enter("accepted", at + CREATE_MS);
        }
        return [];
      case "event":
        return message.isConfirmed ? [this.#confirm(message, at)] : [];
      case "reply":
        this.#polls.answered(message, at);
        this.#isStale ||= this.#state === "asked";
        return [];
      case "error":
        this.#polls.failed(message.invoke, at);
        return [];
      case "refused":
        this.#part(at, REFUSED_MS);
        return [];
      case "released":
      case "aborted":
        this.#part(at, ABORTED_MS);
        return [];
      case "other":
        return [];
    }
  }

  /** What to say now. */
  tick(at: number): Ask[] {
    if (this.#plan.isListenOnly) {
      return [];
    }
    if (this.#state === "associated") {
      return this.#poll(at);
    }
    if (at < this.#deadline) {
      return [];
    }
    switch (this.#state) {
      case "apart":
        this.#enter("asked", at + ACCEPT_MS);
        this.#hasWaves = true;
        return [this.#ask("associate", associationRequest(this.#wish()))];
      case "asked": {
        const answers = this.#isStale ? [this.#abort()] : [];
        this.#part(at, UNANSWERED_MS);
        return answers;
      }
      case "accepted":
      case "releasing":
        this.#part(at, ABORTED_MS);
        return [this.#abort()];
    }
  }

  /** The MDS create event ends the start-up. It comes again until it is answered, and every time is answered. */
  #confirm(event: EventReport, at: number): Ask {
    const isCreate = isMdsCreate(event);
    if (isCreate && this.#state !== "associated" && this.#state !== "releasing") {
      this.#enter("associated", at);
      this.#polls = new Polls({ ...this.#plan, waves: this.#plan.waves && this.#hasWaves });
    }
    return this.#ask(isCreate ? "confirm-mds-create" : "confirm-event", eventResult(event));
  }

  #poll(at: number): Ask[] {
    if (this.#polls.areUnanswered(at)) {
      this.#enter("releasing", at + RELEASE_MS);
      return [this.#ask("release", RELEASE_REQUEST)];
    }
    const poll = this.#polls.next(at);
    return poll === null ? [] : [this.#ask(poll.verb, poll.pdu)];
  }

  #wish(): Parameters<typeof associationRequest>[0] {
    return {
      minPollTicks: MIN_POLL_TICKS,
      receiveBytesMax: this.#plan.receiveBytesMax,
      sendBytesMax: SEND_BYTES_MAX,
      options: (OPTION_NUMERICS_1S | (this.#plan.waves ? OPTION_WAVES : 0)) >>> 0,
    };
  }

  #part(at: number, pauseMs: number): void {
    this.#enter("apart", at + pauseMs);
  }

  #enter(state: State, deadline: number): void {
    this.#isStale = false;
    this.#state = state;
    this.#deadline = deadline;
  }

  #abort(): Ask {
    return this.#ask("abort", ABORT);
  }

  #ask(verb: string, pdu: Uint8Array): Ask {
    return { kind: "ask", verb, bytes: this.#frame(pdu) };
  }
}

/** How long an answer to the association request may take, and the pause before the next one. */
const ACCEPT_MS = 3000;
const UNANSWERED_MS = 2000;
/** A monitor that refuses is in use by another client. */
const REFUSED_MS = 10_000;
const ABORTED_MS = 3000;
/** The MDS create event comes at once, and twice more if it is not answered. */
const CREATE_MS = 12_000;
const RELEASE_MS = 2000;
/** One second, in 1/8 ms. */
const MIN_POLL_TICKS = 8000;
const SEND_BYTES_MAX = 1000;
