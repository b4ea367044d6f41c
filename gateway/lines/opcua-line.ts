import { setTimeout as sleep } from "node:timers/promises";

import { WardError } from "../errors.ts";
import { Backoff } from "./backoff.ts";
import { isLoginRefusal } from "./opcua-errors.ts";
import type { DeviceSink, DeviceSpec, Line } from "./line.ts";
import type { ConnectOpcua, OpcuaServer, OpcuaTiming } from "./opcua-session.ts";
import { OpcuaUnit } from "./opcua-unit.ts";
import { withDeadline } from "./transport.ts";

export interface OpcuaLineOptions {
  /** Name of the line for engineers. */
  readonly key: string;
  readonly connect: ConnectOpcua;
  readonly timing: OpcuaTiming;
}

/**
 * An OPC-UA server with the devices that are read from it. One loop owns the session: it connects, starts the devices, and looks
 * twice a second whether each of them still gives data. When one does not, everything (subscriptions, session, connection) is
 * thrown away and built anew, because a session that looks alive and publishes nothing is the usual way this protocol fails.
 */
export class OpcuaLine implements Line {
  readonly #options: OpcuaLineOptions;
  readonly #units = new Set<OpcuaUnit>();
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;

  constructor(options: OpcuaLineOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ firstMs: options.timing.firstRetryMs });
  }

  attach(spec: DeviceSpec, sink: DeviceSink): () => void {
    const { driver } = spec;
    if (driver.kind !== "opcua" || this.#stop.signal.aborted) {
      const why = this.#stop.signal.aborted
        ? "the line is closed"
        : `${driver.facts.model} does not speak OPC-UA`;
      sink.state(
        "closed",
        `Cannot read ${spec.device} over ${this.#options.key}: ${why}`,
        Date.now(),
      );
      return () => undefined;
    }
    const unit = new OpcuaUnit(driver, spec.options, {
      sink,
      timing: this.#options.timing,
      onGood: () => this.#backoff.reset(),
    });
    this.#units.add(unit);
    this.#running ??= this.#run();
    return () => {
      if (this.#units.delete(unit)) {
        unit.end();
      }
    };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const unit of this.#units) {
      unit.end();
    }
    this.#units.clear();
    await Promise.race([this.#running, sleep(CLOSE_MAX_MS, undefined, { ref: false })]);
  }

  /** Runs while there are devices. */
  async #run(): Promise<void> {
    while (this.#units.size > 0) {
      for (const unit of this.#units) {
        unit.machine.connecting(this.#options.key);
      }
      try {
        await this.#session();
      } catch (error) {
        await this.#failed(error);
      }
    }
    this.#running = null;
  }

  /** One session from connecting to its end; throws why it ended when that was not wanted. */
  async #session(): Promise<void> {
    const lost = Promise.withResolvers<never>();
    lost.promise.catch(() => undefined);
    const server = await this.#connect((why) => {
      lost.reject(new WardError("WARD_OPCUA_LOST", `Cannot read ${this.#options.key}: ${why}.`));
    });
    try {
      while (this.#units.size > 0) {
        for (const unit of this.#units) {
          // Not waited for: a device that takes long to start holds nobody up.
          unit.beat(server).catch(lost.reject);
        }
        await Promise.race([this.#pause(BEAT_MS), lost.promise]);
      }
    } finally {
      for (const unit of this.#units) {
        unit.forget();
      }
      await server.close();
    }
  }

  async #connect(onLost: (why: string) => void): Promise<OpcuaServer> {
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, this.#stop.signal]);
    const { connectMs } = this.#options.timing;
    try {
      return await withDeadline(this.#options.connect(onLost, signal), connectMs, () => {
        const why = `the server does not answer within ${Math.round(connectMs / 1000)} s`;
        return new WardError("WARD_LINE_OPEN", `Cannot open ${this.#options.key}: ${why}.`);
      });
    } catch (error) {
      abort.abort();
      throw error;
    }
  }

  async #failed(error: unknown): Promise<void> {
    const retryMs = Math.max(this.#backoff.next(), isLoginRefusal(error) ? LOGIN_RETRY_MS : 0);
    for (const unit of this.#units) {
      unit.failed(error, retryMs);
    }
    await this.#pause(retryMs);
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}

const BEAT_MS = 500;
/** Servers lock out who fails to log in time and again. */
const LOGIN_RETRY_MS = 60_000;
const CLOSE_MAX_MS = 1800;
