import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { WardError } from "../../../gateway/errors.ts";
import { numberAt } from "../../../gateway/json-value.ts";
import { memoryOf } from "../../../gateway/memory.ts";
import { BROKER_NAME, type BenchSite, GATEWAY } from "../bench-site.ts";
import { cpuSeconds, writtenBytes } from "../process-costs.ts";
import { Program } from "../program.ts";
import { type Bridge, openBridge } from "./bridge.ts";
import type { Peer } from "./peers.ts";
import { type Received, Receiver } from "./receiving.ts";

/** Everything that is known at one moment. Counters go up from the start. */
export interface PeerSample {
  /** `performance.now()`. */
  readonly at: number;
  /** Readings handed to mqtt.js. */
  readonly emitted: number;
  /** Of these, safe on the sender's side: in its store, or acknowledged by the bridge. */
  readonly kept: number;
  /** Notices handed to mqtt.js. */
  readonly notices: number;
  readonly received: Received;
  /** CPU seconds of the program with mqtt.js, and of the bridge (0 without one). */
  readonly cpuSender: number;
  readonly cpuBridge: number;
  readonly writtenBytes: number;
  readonly wireBytes: number;
}

/** One peer, its site and a subscriber at the other end. */
export class PeerWay {
  readonly #bench: BenchSite;
  readonly #receiver: Receiver;
  readonly #bridge: Bridge | null;
  readonly #publisher: Program;

  private constructor(o: {
    readonly bench: BenchSite;
    readonly receiver: Receiver;
    readonly bridge: Bridge | null;
    readonly publisher: Program;
  }) {
    this.#bench = o.bench;
    this.#receiver = o.receiver;
    this.#bridge = o.bridge;
    this.#publisher = o.publisher;
  }

  /** Starts everything; what the peer keeps on disk goes into a new directory. */
  static async open(bench: BenchSite, peer: Peer, directory: string): Promise<PeerWay> {
    const receiver = await Receiver.open(bench);
    let bridge: Bridge | null = null;
    try {
      bridge = peer.isBridge ? await openBridge(bench, join(directory, "bridge")) : null;
      const wish = {
        port: bridge?.port ?? bench.proxyPort,
        ...(bridge === null ? { serverName: BROKER_NAME } : {}),
        gateway: GATEWAY,
        gatewayDirectory: bench.site.gatewayDirectory,
        store: peer.store,
        storeDirectory: join(directory, "store"),
        payload: peer.payload,
      };
      const started = await Program.start("peers/publisher.ts", JSON.stringify(wish));
      return new PeerWay({ bench, receiver, bridge, publisher: started.program });
    } catch (error) {
      await bridge?.part.stop(STOP_MS);
      await receiver.close();
      throw error;
    }
  }

  /** Publishes as fast as so many messages without acknowledgement allow; 0 stops it. */
  window(messages: number): void {
    this.#publisher.write({ window: messages });
  }

  /** Publishes so many messages at a rate, whatever is acknowledged. */
  burst(messages: number, perSecond: number): void {
    this.#publisher.write({ burst: messages, perSecond });
  }

  /** Publishes small messages at a rate beside everything else; 0 stops it. */
  notices(perSecond: number): void {
    this.#publisher.write({ noticesPerSecond: perSecond });
  }

  /** Takes the site's broker out of the peer's reach, or gives it back; the subscriber stays connected. */
  reach(open: boolean): void {
    this.#bench.proxy.write({ open });
  }

  async sample(): Promise<PeerSample> {
    this.#bench.signal.throwIfAborted();
    const [sender, received, wire] = await Promise.all([
      this.#publisher.count(),
      this.#receiver.count(),
      this.#bench.proxy.count(),
    ]);
    const bridge = this.#bridge?.part.pid ?? 0;
    return {
      at: performance.now(),
      emitted: numberAt(sender, "emitted"),
      kept: numberAt(sender, "kept"),
      notices: numberAt(sender, "notices"),
      received,
      cpuSender: cpuSeconds(this.#publisher.pid),
      cpuBridge: cpuSeconds(bridge),
      writtenBytes: writtenBytes(this.#publisher.pid) + writtenBytes(bridge),
      wireBytes: numberAt(wire, "up") + numberAt(wire, "down"),
    };
  }

  /** Samples until one is as wanted, or the time is over: the last sample then is not. */
  async until(is: (sample: PeerSample) => boolean, withinMs: number): Promise<PeerSample> {
    const end = performance.now() + withinMs;
    for (;;) {
      const sample = await this.sample();
      if (is(sample) || performance.now() > end) {
        return sample;
      }
      await this.pass(POLL_MS);
    }
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#bench.signal });
    if (this.#publisher.part.ended || this.#bridge?.part.ended === true) {
      throw new WardError("WARD_BENCH", "Cannot measure: a process of the peer has ended.");
    }
  }

  /** Proportional set sizes of all of the peer's processes together (MB). */
  async memory(): Promise<number> {
    const parts = await memoryOf({
      sender: this.#publisher.pid,
      bridge: this.#bridge?.part.pid ?? 0,
    });
    return Object.values(parts).reduce((sum, part) => sum + part, 0);
  }

  async close(): Promise<void> {
    this.reach(true);
    await this.#publisher.stop();
    await this.#bridge?.part.stop(STOP_MS);
    await this.#receiver.close();
  }
}

const STOP_MS = 5000;
const POLL_MS = 50;
