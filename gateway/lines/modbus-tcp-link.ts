import type { BadBytes, RegisterBlock, RegisterLimits } from "../devices/device.ts";
import { errorText } from "../errors.ts";
import type { ReadRequest } from "./modbus-frames.ts";
import { isBits, REGISTERS_MAX } from "./modbus-frames.ts";
import type { BusLink, PollResult, ReadResult, Values } from "./modbus-link.ts";
import { isGone } from "./modbus-link.ts";
import type { PlannedRequest, RegisterCut } from "./modbus-plan.ts";
import { planRequests, TCP_COST } from "./modbus-plan.ts";
import { areUnlike, probeOf, shapeOf, varied } from "./modbus-shapes.ts";
import type { Asked } from "./modbus-tcp.ts";
import { BATCH_MAX, TcpMaster, TransactionNumbers } from "./modbus-tcp.ts";
import type { OpenWire } from "./modbus-wire.ts";

export interface TcpLinkOptions {
  readonly openWire: OpenWire;
  /** A device has this long for a reply (milliseconds). */
  readonly replyMs: number;
}

/**
 * Modbus TCP: as many requests under way, and as many connections, as the device's profile allows; one of each if it says nothing.
 */
export class TcpLink implements BusLink {
  readonly triesAside = true;
  readonly #options: TcpLinkOptions;
  readonly #numbers = new TransactionNumbers();
  #signal: AbortSignal = new AbortController().signal;
  #masters: readonly TcpMaster[] = [];
  /** More connections than these were refused. */
  #connectionsMax = CONNECTIONS_MAX;
  /** More requests under way than these were not all answered. */
  #windowMax = BATCH_MAX;

  constructor(options: TcpLinkOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#masters.length > 0 && !this.#masters.some(({ spent }) => spent);
  }

  plan(
    wanted: readonly RegisterBlock[],
    limits: RegisterLimits,
    cuts: readonly RegisterCut[],
  ): PlannedRequest[] {
    const options = { cost: TCP_COST, limits, cuts };
    const window = windowOf(limits);
    const best = varied(planRequests(wanted, options), wanted, options, window);
    if (areUnlike(best, window)) {
      return best;
    }
    // With room for requests to grow by, those under way together can be made to differ.
    const registersMax = Math.max(
      ...wanted.map(({ function: code, count }) => (isBits(code) ? 0 : count)),
      (limits.registersMax ?? REGISTERS_MAX) - window + 1,
    );
    const roomy = planRequests(wanted, { ...options, limits: { ...limits, registersMax } });
    return varied(roomy, wanted, options, window);
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.close();
    this.#signal = signal;
    this.#masters = [await this.#connect()];
  }

  async poll(
    unit: number,
    requests: readonly RegisterBlock[],
    limits: RegisterLimits,
  ): Promise<PollResult> {
    const connections = Math.min(limits.connections ?? 1, this.#connectionsMax, requests.length);
    if (this.#masters.length < connections) {
      await this.#connectMore(connections);
    }
    if (!this.isOpen) {
      return { kind: "abandoned" };
    }
    const masters = this.#masters.slice(0, connections);
    const window = Math.min(windowOf(limits), this.#windowMax);
    const poll = new TcpPoll(masters, { unit, requests, window });
    const result = await poll.result;
    if (result.kind === "timeout" && window > 1 && poll.answered > 0) {
      // Some devices answer the first request of a piece and forget the others.
      this.#windowMax = 1;
      return { kind: "bad", fault: ONE_AT_A_TIME };
    }
    const useless = masters.findIndex((master) => master.spent && !master.isProven);
    if (result.kind === "lost" && useless > 0) {
      // It was accepted and closed at once: the device has no room for it.
      this.#connectionsMax = useless;
      return { kind: "abandoned" };
    }
    return result;
  }

  async tryUnit(unit: number, block: RegisterBlock, limits: RegisterLimits): Promise<ReadResult> {
    const [master] = this.#masters;
    const { promise, resolve } = Promise.withResolvers<ReadResult>();
    if (master === undefined || master.spent) {
      return { kind: "abandoned" };
    }
    const asked = limits.apart === true ? block : probeOf(block);
    master.ask([{ request: requestOf(unit, asked), done: resolve }]);
    return promise;
  }

  async close(): Promise<void> {
    const masters = this.#masters;
    this.#masters = [];
    await Promise.all(masters.map((master) => master.close()));
  }

  async #connect(): Promise<TcpMaster> {
    const wire = await this.#options.openWire(this.#signal);
    return new TcpMaster(wire, this.#options.replyMs, this.#numbers);
  }

  /** A device that takes fewer connections than its profile says is read over those that it takes. */
  async #connectMore(connections: number): Promise<void> {
    while (this.isOpen && this.#masters.length < connections) {
      const held = this.#masters;
      const more = await this.#connect().catch(() => null);
      if (more === null) {
        this.#connectionsMax = held.length;
        return;
      }
      if (this.#masters !== held) {
        await more.close();
        return;
      }
      this.#masters = [...held, more];
    }
  }
}

const CONNECTIONS_MAX = 4;

const ONE_AT_A_TIME: BadBytes = {
  kind: "fault",
  fault: "unanswered",
  bytes: 0,
  text: "The device did not answer all requests that were under way together; it is asked for one at a time",
};

function windowOf({ inFlight = 1 }: RegisterLimits): number {
  return Math.min(Math.max(inFlight, 1), BATCH_MAX);
}

interface PollRequest {
  readonly unit: number;
  readonly requests: readonly RegisterBlock[];
  /** Requests under way at once on each connection. */
  readonly window: number;
}

/** One connection, and the shapes of what a poll has under way on it. */
interface Lane {
  readonly master: TcpMaster;
  readonly underWay: Set<number>;
}

/** The requests of one poll on their way. No two that look alike are under way together on one connection. */
class TcpPoll {
  readonly result: Promise<PollResult>;
  readonly #resolve: (result: PollResult) => void;
  readonly #poll: PollRequest;
  readonly #lanes: readonly Lane[];
  /** Places of the requests that were not sent yet. */
  readonly #left: number[];
  readonly #replies: (Values | number)[] = [];
  /** Requests that were answered so far. */
  answered = 0;
  #failed = false;
  #sending = false;

  constructor(masters: readonly TcpMaster[], poll: PollRequest) {
    const { promise, resolve } = Promise.withResolvers<PollResult>();
    this.result = promise;
    this.#resolve = resolve;
    this.#poll = poll;
    this.#lanes = masters.map((master) => ({ master, underWay: new Set() }));
    this.#left = poll.requests.map((_, place) => place);
    this.#send();
  }

  #send(): void {
    this.#sending = false;
    for (const lane of this.#lanes) {
      const asked = this.#failed ? [] : this.#askedNext(lane);
      try {
        if (asked.length > 0) {
          lane.master.ask(asked);
        }
      } catch (error) {
        this.#fail({ kind: "lost", why: errorText(error) });
      }
    }
  }

  /** As many requests as the window of a lane has room for. */
  #askedNext(lane: Lane): Asked[] {
    const asked: Asked[] = [];
    for (let index = 0; index < this.#left.length && lane.underWay.size < this.#poll.window;) {
      const place = this.#left[index] ?? 0;
      const block = this.#poll.requests[place];
      const shape = block === undefined ? 0 : shapeOf(block);
      if (block === undefined || lane.underWay.has(shape)) {
        index += 1;
        continue;
      }
      this.#left.splice(index, 1);
      lane.underWay.add(shape);
      asked.push({
        request: requestOf(this.#poll.unit, block),
        done: (result) => {
          lane.underWay.delete(shape);
          this.#take(place, result);
        },
      });
    }
    if (asked.length > 0 && lane.master.spent) {
      this.#fail({ kind: "abandoned" });
      return [];
    }
    return asked;
  }

  #take(place: number, result: ReadResult): void {
    if (result.kind === "values") {
      this.#replies[place] = result.values;
    } else if (result.kind === "exception" && !isGone(result.code)) {
      this.#replies[place] = result.code;
    } else {
      this.#fail(result);
      return;
    }
    this.answered += 1;
    if (this.answered === this.#poll.requests.length) {
      this.#resolve({ kind: "replies", replies: this.#replies });
    } else if (!this.#sending && this.#left.length > 0) {
      // Once for all replies that came in one piece.
      this.#sending = true;
      queueMicrotask(() => this.#send());
    }
  }

  #fail(result: PollResult): void {
    this.#failed = true;
    this.#resolve(result);
  }
}

function requestOf(unit: number, { function: code, address, count }: RegisterBlock): ReadRequest {
  return { unit, function: code, address, count };
}
