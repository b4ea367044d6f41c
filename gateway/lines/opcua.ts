import { setTimeout as sleep } from "node:timers/promises";

import type { OpcuaPoint } from "../devices/device.ts";
import { WardError } from "../errors.ts";
import type { Line } from "./line.ts";
import { lineKey, parseLineUrl } from "./line-url.ts";
import { ownCertificate } from "./opcua-certificate.ts";
import { cannotOpen, Connection, findEndpoint, PinnedStore } from "./opcua-connection.ts";
import type { ConnectionOptions } from "./opcua-connection.ts";
import {
  AttributeIds,
  browseAll,
  BrowseDirection,
  MessageSecurityMode,
  NodeClass,
  NodeId,
  resolveNodeId,
  SecurityPolicy,
  UserTokenType,
} from "./opcua-library.ts";
import type { OpcuaServer, OpcuaTiming, OpcuaWatch, WatchEvents } from "./opcua-session.ts";
import { OpcuaLine } from "./opcua-line.ts";
import { SESSION_CLOSE_MS, USUAL_TIMING } from "./opcua-session.ts";
import { parsePlace, walkPath } from "./opcua-path.ts";
import type { PathChild } from "./opcua-path.ts";
import { PointWatch } from "./opcua-watch.ts";
import type { FoundPoint, ReadSession } from "./opcua-watch.ts";
import { TrustList } from "./opcua-trust.ts";

/** What an OPC-UA line needs beside its URL. */
export interface OpcuaContext {
  /** PEM certificates of the servers that may be read; every other server is refused. */
  readonly opcuaTrust: readonly string[];
  /** Directory for this gateway's own certificate and key, or null when no OPC-UA line may be opened. */
  readonly opcuaPki: string | null;
  /** Name of this gateway, shown to servers. */
  readonly gateway: string;
  /** How to log in; without it the session is anonymous. */
  readonly user?: { readonly name: string; readonly password: string };
  /** Times other than the usual ones. */
  readonly timing?: Partial<OpcuaTiming>;
}

/**
 * Opens an OPC-UA server for reading. This file is loaded when the first such line is opened, since `node-opcua` costs a
 * second and 100 MB. Only signed and encrypted connections to servers of the trust list are made.
 * Throws WardError `WARD_LINE_URL`, `WARD_OPCUA_PKI` or `WARD_OPCUA_TRUST_LIST`.
 */
export function openOpcuaLine(url: string, context: OpcuaContext): Line {
  const key = lineKey(parseLineUrl(url));
  const { opcuaPki, opcuaTrust } = context;
  if (!key.startsWith("opc.tcp:")) {
    throw new WardError("WARD_LINE_URL", `Cannot open ${key} as OPC-UA. Use opc.tcp://host:port.`);
  }
  if (opcuaPki === null) {
    const why = "there is no directory for this gateway's certificate";
    throw new WardError("WARD_OPCUA_PKI", `Cannot open ${key}: ${why}. Give one.`);
  }
  const trust = new TrustList(opcuaTrust);
  const timing = { ...USUAL_TIMING, ...context.timing };
  return new OpcuaLine({
    key,
    connect: (onLost, signal) => {
      const { gateway, user } = context;
      const { answerMs } = timing;
      return Session.open({ key, trust, pki: opcuaPki, gateway, answerMs, onLost, signal }, user);
    },
    timing,
  });
}

class Session implements OpcuaServer {
  readonly #connection: Connection;
  readonly #session: ReadSession;
  readonly #namespaces: readonly string[];

  private constructor(connection: Connection, session: ReadSession, namespaces: readonly string[]) {
    this.#connection = connection;
    this.#session = session;
    this.#namespaces = namespaces;
  }

  static async open(options: ConnectionOptions, user: OpcuaContext["user"]): Promise<Session> {
    const { key, trust, pki, gateway } = options;
    const endpoint = await findEndpoint(options);
    trust.check(endpoint.serverCertificate, key);
    const connection = await Connection.open(options, {
      ...(await ownCertificate(pki, gateway)),
      serverCertificate: endpoint.serverCertificate,
      securityMode: MessageSecurityMode.SignAndEncrypt,
      securityPolicy: endpoint.securityPolicyUri ?? SecurityPolicy.Basic256Sha256,
      clientCertificateManager: new PinnedStore(trust),
    });
    try {
      const session: ReadSession = await connection.client.createSession(
        user === undefined
          ? { type: UserTokenType.Anonymous }
          : { type: UserTokenType.UserName, userName: user.name, password: user.password },
      );
      return new Session(connection, session, await session.readNamespaceArray());
    } catch (error) {
      await connection.close();
      throw cannotOpen(key, error);
    }
  }

  async watch(
    points: readonly OpcuaPoint[],
    samplingMs: number,
    events: WatchEvents,
  ): Promise<OpcuaWatch> {
    const found: FoundPoint[] = [];
    for (const point of points) {
      const place = await this.#find(point);
      if (typeof place === "string") {
        events.onMissing(place);
      } else {
        found.push({ point, nodeId: place });
      }
    }
    if (found.length === 0) {
      throw new WardError(
        "WARD_OPCUA_POINT",
        `Cannot read ${points[0]?.node ?? "the device"}: no such variable. Check the names in the device's options.`,
      );
    }
    const watch = new PointWatch(this.#session, this.#namespaces, found);
    await watch.open(samplingMs, events);
    return watch;
  }

  async close(): Promise<void> {
    await Promise.race([this.#session.close(true), sleep(SESSION_CLOSE_MS / 2)]).catch(() => 0);
    await this.#connection.close();
  }

  /** The node of a point, or why it is not read. */
  async #find(point: OpcuaPoint): Promise<NodeId | string> {
    const place = parsePlace(point.node);
    if (place.kind === "node") {
      const index = this.#namespaces.indexOf(place.namespace);
      return index === -1
        ? `${point.code} is not read: the server has no namespace ${place.namespace}`
        : resolveNodeId(`ns=${index};${place.id}`);
    }
    const objects = resolveNodeId("ObjectsFolder");
    const nodes = await walkPath(objects, place.steps, (node) => this.#childrenOf(node));
    const [node] = nodes;
    if (node === undefined || nodes.length > 1) {
      const why = nodes.length > 1 ? "more than one variable fits" : "there is no such variable";
      return `${point.code} is not read: ${why} (${point.node})`;
    }
    return (await this.#unitProblem(point, node)) ?? node;
  }

  async #childrenOf(node: NodeId): Promise<readonly PathChild<NodeId>[]> {
    const { references } = await browseAll(this.#session, {
      nodeId: node,
      browseDirection: BrowseDirection.Forward,
      referenceTypeId: "HierarchicalReferences",
      includeSubtypes: true,
      nodeClassMask: NodeClass.Object + NodeClass.Variable,
      resultMask: BROWSE_ALL_FIELDS,
    });
    return (references ?? []).slice(0, CHILDREN_MAX).map((reference) => ({
      node: new NodeId(
        reference.nodeId.identifierType,
        reference.nodeId.value,
        reference.nodeId.namespace,
      ),
      namespace: this.#namespaces[reference.browseName.namespaceIndex] ?? "",
      name: reference.browseName.name ?? "",
    }));
  }

  /** A variable whose server declares another unit than the driver gives must not be read: 98 could be degrees Fahrenheit. */
  async #unitProblem(point: OpcuaPoint, node: NodeId): Promise<string | null> {
    if (point.unitIds === undefined) {
      return null;
    }
    const children = await this.#childrenOf(node);
    const unit = children.find(({ name }) => name === "EngineeringUnits");
    if (unit === undefined) {
      return `${point.code} is not read: the server does not say its unit`;
    }
    const { value } = await this.#session.read({ nodeId: unit.node, attributeId: VALUE });
    const unitId: unknown = value.value?.unitId;
    return point.unitIds.some((known) => known === unitId)
      ? null
      : `${point.code} is not read: the server gives it in another unit than ${point.unit}`;
  }
}

const VALUE = AttributeIds.Value;
/** All fields of a reference. */
const BROWSE_ALL_FIELDS = 63;
/** Children of one node that are looked at, at most. */
const CHILDREN_MAX = 1000;
