import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import {
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
  setErrorLogger,
  setWarningLogger,
  StatusCodes,
} from "node-opcua";
import type { AddressSpace, StatusCode } from "node-opcua";

import type { SimulatedFault } from "../devices/device.ts";
import { WardError } from "../errors.ts";
import type { SimulatedDevice, SimulateRequest } from "./host.ts";
import { Gate } from "./opcua-gate.ts";
import { loopbackPlace } from "./outlet.ts";

/** What builders of simulated devices need of the library; this file is its only importer on the server's side. */
export {
  DataType,
  makeEUInformation,
  NodeClass,
  nodesets,
  promoteToStateMachine,
  Range,
  StatusCodes,
} from "node-opcua";
export type {
  AddressSpace,
  BaseNode,
  Namespace,
  StatusCode,
  UAObject,
  UAVariable,
} from "node-opcua";

/** A simulated device that tells which services its clients called. */
export interface SimulatedOpcuaDevice extends SimulatedDevice {
  readonly trust: string;
  /** Names of the services that were asked for, each once: `ReadRequest`, `BrowseRequest`, ... */
  readonly services: ReadonlySet<string>;
}

/** A device that is to be shown by a server. */
export interface ShownDevice {
  readonly model: string;
  /** Files of the nodesets that its types come from. */
  readonly nodesets: readonly string[];
  /** Puts the device into the server; returns what shows it at a moment. */
  build(space: AddressSpace): (now: ShownMoment) => void;
}

export interface ShownMoment {
  /** Since the device was switched on. */
  readonly seconds: number;
  readonly seed: number;
  /** What the server says of the values. */
  readonly status: StatusCode;
  /** Values jump. */
  readonly isNoisy: boolean;
}

/**
 * Starts an OPC-UA server that shows a simulated device. It offers the safe policies with SignAndEncrypt and nothing less.
 *
 * Faults: `silence` lets connections hang, `noise` makes values uncertain and jumpy, `checksum` breaks what the server sends, `sensor-off` gives
 * BadSensorFailure, `restart` ends all connections and is gone for a moment. Throws WardError `WARD_LINE_URL` for another kind of line, else
 * `WARD_SIMULATE`.
 */
export async function startOpcuaServer(
  shown: ShownDevice,
  { line, seed, directory }: SimulateRequest,
): Promise<SimulatedOpcuaDevice> {
  const [, rest] = /^opc\.tcp(?::(.*))?$/.exec(line) ?? [line, null];
  if (rest === null) {
    const why = `Cannot simulate an OPC-UA server on "${line.slice(0, 80)}"`;
    throw new WardError("WARD_LINE_URL", `${why}. Use opc.tcp or opc.tcp://127.0.0.1:port.`);
  }
  const place = loopbackPlace(line, rest ?? "");
  await using opened = new AsyncDisposableStack();
  const pki = directory ?? (await temporaryDirectory(opened));
  const inner: { port: number } = { port: 0 };
  const gate = await Gate.open(place.port, () => inner.port);
  opened.defer(() => gate.close());
  const url = `opc.tcp://127.0.0.1:${gate.port}`;
  const server = await startServer(pki, url, shown.nodesets);
  opened.defer(() => shutdown(server));
  inner.port = server.endpoints[0]?.port ?? 0;
  const services = new Set<string>();
  server.on("request", (request: { readonly schema: { readonly name: string } }) => {
    services.add(request.schema.name);
  });
  const faults = new Set<SimulatedFault>();
  const show = shown.build(spaceOf(server));
  const startedAt = performance.now();
  const update = (): void => {
    const seconds = (performance.now() - startedAt) / 1000;
    show({ seconds, seed, status: statusOf(faults), isNoisy: faults.has("noise") });
  };
  update();
  const timer = setInterval(update, UPDATE_MS);
  opened.defer(() => clearInterval(timer));
  const owned = opened.move();
  return {
    model: shown.model,
    url,
    unit: null,
    trust: server.certificateFile,
    services,
    setFault: (name, on) => {
      faults[on ? "add" : "delete"](name);
      gate.stuck = faults.has("silence");
      gate.garbling = faults.has("checksum");
      if (name === "restart" && on) {
        gate.restart(RESTART_MS);
      }
    },
    close: () => owned.disposeAsync(),
  };
}

async function temporaryDirectory(opened: AsyncDisposableStack): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "wardgate-opcua-"));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function shutdown(server: OPCUAServer): Promise<void> {
  await Promise.race([server.shutdown(0), sleep(CLOSE_MAX_MS, undefined, { ref: false })]);
}

async function startServer(
  pki: string,
  url: string,
  nodesets: readonly string[],
): Promise<OPCUAServer> {
  setErrorLogger(() => undefined);
  setWarningLogger(() => undefined);
  // Whoever reads a simulated device is welcome; which server is trusted is the gateway's decision.
  const serverCertificateManager = new OPCUACertificateManager({
    rootFolder: pki,
    automaticallyAcceptUnknownCertificate: true,
    disableFileWatchers: true,
  });
  await serverCertificateManager.initialize();
  const server = new OPCUAServer({
    port: 0,
    host: "127.0.0.1",
    hostname: "localhost",
    advertisedEndpoints: url,
    serverCertificateManager,
    nodeset_filename: [...nodesets],
    securityPolicies: [
      SecurityPolicy.Basic256Sha256,
      SecurityPolicy.Aes128_Sha256_RsaOaep,
      SecurityPolicy.Aes256_Sha256_RsaPss,
    ],
    securityModes: [MessageSecurityMode.SignAndEncrypt],
    serverInfo: { applicationUri: SIMULATOR_NAMESPACE },
    maxConnectionsPerEndpoint: 32,
  });
  await server.initialize();
  await server.start();
  return server;
}

function spaceOf(server: OPCUAServer): AddressSpace {
  const space = server.engine.addressSpace;
  if (space === null) {
    throw new WardError("WARD_SIMULATE", "Cannot simulate: the server has no address space.");
  }
  return space;
}

function statusOf(faults: ReadonlySet<SimulatedFault>): StatusCode {
  if (faults.has("sensor-off")) {
    return StatusCodes.BadSensorFailure;
  }
  return faults.has("noise") ? StatusCodes.UncertainSensorNotAccurate : StatusCodes.Good;
}

/** The namespace of what simulated devices hold beside their types. */
export const SIMULATOR_NAMESPACE = "urn:wardgate:simulator";
const UPDATE_MS = 500;
const RESTART_MS = 1500;
const CLOSE_MAX_MS = 1500;
