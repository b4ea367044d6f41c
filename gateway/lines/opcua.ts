import { setTimeout as sleep } from "node:timers/promises";

import type {
  DeviceOptions,
  OpcuaDiscovery,
  OpcuaNode,
  OpcuaPoint,
  OpcuaWatching,
} from "../devices/device.ts";
import { WardError } from "../errors.ts";
import type { ConnectionOptions } from "./opcua-connection.ts";
import { discoverTree } from "./opcua-discovery.ts";
import type { ServerLimits } from "./opcua-limits.ts";
import { readLimits } from "./opcua-limits.ts";
import { OpcuaLine } from "./opcua-line.ts";
import { ServerNodes } from "./opcua-nodes.ts";
import type { OpenSession } from "./opcua-open.ts";
import { openSession } from "./opcua-open.ts";
import type { OpcuaServer, OpcuaTiming, OpcuaWatch, WatchEvents } from "./opcua-session.ts";
import { SESSION_CLOSE_MS, USUAL_TIMING } from "./opcua-session.ts";
import { TrustList } from "./opcua-trust.ts";
import { PointWatch } from "./opcua-watch.ts";
import type { Line } from "./line.ts";
import { lineKey, parseLineUrl } from "./line-url.ts";

/** What an OPC-UA line needs beside its URL. */
export interface OpcuaContext {
  /** PEM certificates of the servers that may be read; every other server is refused. */
  readonly opcuaTrust: readonly string[];
  /** Directory for this gateway's own certificate and key and the logins, or null when no OPC-UA line may be opened. */
  readonly opcuaPki: string | null;
  /** Name of this gateway, shown to servers. */
  readonly gateway: string;
  /** Times other than the usual ones. */
  readonly timing?: Partial<OpcuaTiming>;
}

/**
 * Opens an OPC-UA server for reading. This file is loaded when the first such line is opened, since `node-opcua` costs
 * half a second and 80 MB. Only signed connections to servers of the trust list are made.
 * Throws WardError `WARD_LINE_URL`, `WARD_OPCUA_PKI` or `WARD_OPCUA_TRUST_LIST`.
 */
export function openOpcuaLine(url: string, context: OpcuaContext): Line {
  const settings = settingsOf(url, context);
  const timing = { ...USUAL_TIMING, ...context.timing };
  return new OpcuaLine({
    key: settings.key,
    connect: (onLost, signal) =>
      ServerSession.open({ ...settings, answerMs: timing.answerMs, onLost, signal }, timing),
    timing,
  });
}

/** Reads what a connection needs. Throws as `openOpcuaLine` does. */
export function settingsOf(
  url: string,
  { opcuaPki: pki, opcuaTrust, gateway }: OpcuaContext,
): Pick<ConnectionOptions, "key" | "trust" | "pki" | "gateway"> {
  const key = lineKey(parseLineUrl(url));
  if (!key.startsWith("opc.tcp:")) {
    throw new WardError("WARD_LINE_URL", `Cannot open ${key} as OPC-UA. Use opc.tcp://host:port.`);
  }
  if (pki === null) {
    const why = "there is no directory for this gateway's certificate";
    throw new WardError("WARD_OPCUA_PKI", `Cannot open ${key}: ${why}. Give one.`);
  }
  return { key, trust: new TrustList(opcuaTrust), pki, gateway };
}

class ServerSession implements OpcuaServer {
  readonly #open: OpenSession;
  readonly #limits: ServerLimits;
  readonly #keepAliveMs: number;

  private constructor(open: OpenSession, limits: ServerLimits, keepAliveMs: number) {
    this.#open = open;
    this.#limits = limits;
    this.#keepAliveMs = keepAliveMs;
  }

  static async open(options: ConnectionOptions, timing: OpcuaTiming): Promise<ServerSession> {
    const open = await openSession(options);
    try {
      const limits = await readLimits(open.session);
      return new ServerSession(open, limits, timing.keepAliveMs);
    } catch (error) {
      await open.connection.close();
      throw error;
    }
  }

  get notes(): readonly string[] {
    return this.#open.notes;
  }

  discover(discovery: OpcuaDiscovery, options: DeviceOptions): Promise<OpcuaNode> {
    return discoverTree(this.#nodes(), discovery, options);
  }

  async watch(
    points: readonly OpcuaPoint[],
    watching: OpcuaWatching,
    events: WatchEvents,
  ): Promise<OpcuaWatch> {
    const found = await this.#nodes().locate(points, (text) => {
      events.onFault("unknown-field", text);
    });
    if (found.length === 0) {
      throw new WardError(
        "WARD_OPCUA_POINT",
        `Cannot read ${points[0]?.node ?? "the device"}: no such variable. Check the names in the device's options.`,
      );
    }
    const { session, namespaces } = this.#open;
    const use = { session, namespaces, limits: this.#limits, keepAliveMs: this.#keepAliveMs };
    return PointWatch.open(use, found, { watching, events });
  }

  async close(): Promise<void> {
    const { session, connection } = this.#open;
    await Promise.race([session.close(true), sleep(SESSION_CLOSE_MS / 2)]).catch(() => 0);
    await connection.close();
  }

  /** Made for each look: a server may have got other nodes since the last one. */
  #nodes(): ServerNodes {
    const { session, namespaces } = this.#open;
    return new ServerNodes({ session, namespaces, limits: this.#limits });
  }
}
