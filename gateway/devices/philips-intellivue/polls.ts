import type { Reply } from "./message.ts";
import { CLASS_MDS, CLASS_NUMERIC, CLASS_WAVE } from "./poll-reply.ts";
import { extendedPoll, GROUP_ALL, GROUP_PRODUCTION, GROUP_VALUES, singlePoll } from "./requests.ts";

/** What is polled. */
export interface PollPlan {
  /** "single": asked for every time; "extended": the monitor sends them every second by itself. */
  readonly numerics: "single" | "extended";
  readonly intervalMs: number;
  readonly waves: boolean;
}

/** A poll to send. */
interface Poll {
  readonly verb: string;
  readonly pdu: Uint8Array;
}

interface Task {
  readonly name: "numerics" | "mds" | "waves";
  readonly objectClass: number;
  /** When it is due, in the time of `tick`. */
  dueAt: number;
  /** How often it was asked in this association. */
  asked: number;
  /** Times in a row that it was not answered. */
  missed: number;
  /** The invoke id of the series of results that an extended poll started; null without one. */
  series: number | null;
  seriesAt: number;
}

/** The polls of one association: which is due, which is unanswered. One is in flight at a time. */
export class Polls {
  readonly #plan: PollPlan;
  readonly #tasks: readonly Task[];
  #invoke = 0;
  #flight: { readonly task: Task; readonly invoke: number; readonly deadline: number } | null =
    null;
  /** Polls in a row without an answer. */
  #missed = 0;

  constructor(plan: PollPlan) {
    this.#plan = plan;
    const task = (name: Task["name"], objectClass: number): Task => ({
      name,
      objectClass,
      dueAt: 0,
      asked: 0,
      missed: 0,
      series: null,
      seriesAt: 0,
    });
    this.#tasks = [
      task("mds", CLASS_MDS),
      task("numerics", CLASS_NUMERIC),
      ...(plan.waves ? [task("waves", CLASS_WAVE)] : []),
    ];
  }

  /** True when so many polls went unanswered that the association is not what it was. */
  areUnanswered(at: number): boolean {
    this.#checkFlight(at);
    return this.#missed >= MISSED_MAX;
  }

  /** The poll that is due, or null. */
  next(at: number): Poll | null {
    this.#checkFlight(at);
    if (this.#flight !== null) {
      return null;
    }
    for (const task of this.#tasks) {
      const isSilent = task.series !== null && at >= task.seriesAt + SERIES_SILENT_MS;
      if (at >= task.dueAt || isSilent) {
        return this.#send(task, at);
      }
    }
    return null;
  }

  /** A result came. Only the last message of one answers the poll. */
  answered({ invoke, part, poll }: Reply, at: number): void {
    for (const task of this.#tasks) {
      task.missed = task.objectClass === poll.objectClass ? 0 : task.missed;
      if (task.series === invoke) {
        task.seriesAt = at;
      }
    }
    if (this.#flight?.invoke === invoke && part === null) {
      this.#land();
    }
  }

  /** The monitor does not do what was asked: it is asked again later. */
  failed(invoke: number, at: number): void {
    if (this.#flight?.invoke === invoke) {
      const { task } = this.#flight;
      task.dueAt = at + FAILED_MS;
      task.series = null;
      this.#land();
    }
  }

  #land(): void {
    this.#flight = null;
    this.#missed = 0;
  }

  #checkFlight(at: number): void {
    if (this.#flight !== null && at >= this.#flight.deadline) {
      this.#flight.task.missed += 1;
      this.#flight = null;
      this.#missed += 1;
    }
  }

  #send(task: Task, at: number): Poll {
    this.#invoke = (this.#invoke % 0xff_ff) + 1;
    const invoke = this.#invoke;
    // A monitor that does not answer about itself is told all the same that this side is there, and not waited for.
    const isWaitedFor = task.name !== "mds" || task.missed < MISSED_MAX - 1;
    this.#flight = isWaitedFor ? { task, invoke, deadline: at + ANSWER_MS } : null;
    task.asked += 1;
    const isExtended = task.name === "waves" || this.#isExtended(task);
    task.dueAt =
      at + (isExtended ? RENEW_MS : task.name === "mds" ? MDS_MS : this.#plan.intervalMs);
    if (isExtended) {
      task.series = invoke;
      task.seriesAt = at;
      const verb = task.name === "waves" ? "poll-waves-extended" : "poll-numerics-extended";
      return { verb, pdu: extendedPoll(invoke, task.objectClass, ACTIVE_MS * TICKS_PER_MS) };
    }
    return {
      verb: task.name === "mds" ? "poll-mds" : "poll-numerics",
      pdu: singlePoll(invoke, task.objectClass, groupOf(task)),
    };
  }

  #isExtended(task: Task): boolean {
    return task.name === "numerics" && this.#plan.numerics === "extended";
  }
}

/**
 * The MDS in turn: its making (serial number), then everything (clock and mode of operation). Numerics: now and then with
 * all attributes, since labels and kinds of values change; else the values only.
 */
function groupOf({ name, asked }: Task): number {
  if (name === "mds") {
    return asked % 2 === 1 ? GROUP_PRODUCTION : GROUP_ALL;
  }
  return asked % FULL_EVERY === 1 ? GROUP_ALL : GROUP_VALUES;
}

const TICKS_PER_MS = 8;
/** An answer of 3000 bytes takes 0.3 s on the serial line. */
const ANSWER_MS = 2500;
const MISSED_MAX = 3;
/** Also keeps an association alive that has nothing else to say: the monitor gives it up after 10 s. */
const MDS_MS = 5000;
const FULL_EVERY = 60;
/** How long an extended poll lasts, and when it is asked for again. */
const ACTIVE_MS = 60_000;
const RENEW_MS = 45_000;
const SERIES_SILENT_MS = 5000;
const FAILED_MS = 60_000;
