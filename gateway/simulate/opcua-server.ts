import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import {
  DataType,
  makeEUInformation,
  MessageSecurityMode,
  nodesets,
  OPCUACertificateManager,
  OPCUAServer,
  NodeClass,
  Range,
  promoteToStateMachine,
  SecurityPolicy,
  setErrorLogger,
  setWarningLogger,
  StatusCodes,
} from "node-opcua";
import type { AddressSpace, BaseNode, StatusCode, UAObject, UAVariable } from "node-opcua";

import type { SimulatedFault } from "../devices/device.ts";
import type { LadsSensor, LadsSimulator } from "../devices/lads-simulator.ts";
import { WardError } from "../errors.ts";
import type { SimulatedDevice, SimulateRequest } from "./host.ts";
import { Gate } from "./opcua-gate.ts";
import { loopbackPlace } from "./outlet.ts";

/** A simulated device that tells which services its clients called. */
export interface SimulatedLadsDevice extends SimulatedDevice {
  readonly trust: string;
  /** Names of the services that were asked for, each once: `ReadRequest`, `BrowseRequest`, ... */
  readonly services: ReadonlySet<string>;
}

/**
 * Starts an OPC-UA server that shows a simulated LADS device, with the nodesets of the OPC Foundation (DI, AMB, IA, Machinery, LADS).
 * It offers Basic256Sha256 with SignAndEncrypt and nothing less. This is the only importer of the server side of `node-opcua`.
 *
 * Faults: `silence` lets connections hang, `noise` makes values uncertain and jumpy, `checksum` breaks what the server sends, `sensor-off` gives
 * BadSensorFailure, `restart` ends all connections and is gone for a moment. Throws WardError `WARD_SIMULATE`.
 */
export async function startLadsServer(
  simulator: LadsSimulator,
  { line, seed, directory }: SimulateRequest,
): Promise<SimulatedLadsDevice> {
  const place = loopbackPlace(line, line.replace(/^opc\.tcp:?/, ""));
  await using opened = new AsyncDisposableStack();
  const pki = directory ?? (await temporaryDirectory(opened));
  const inner: { port: number } = { port: 0 };
  const gate = await Gate.open(place.port, () => inner.port);
  opened.defer(() => gate.close());
  const url = `opc.tcp://127.0.0.1:${gate.port}`;
  const server = await startServer(pki, url);
  opened.defer(() => shutdown(server));
  inner.port = server.endpoints[0]?.port ?? 0;
  const services = new Set<string>();
  server.on("request", (request: { readonly schema: { readonly name: string } }) => {
    services.add(request.schema.name);
  });
  const faults = new Set<SimulatedFault>();
  const device = buildDevice(server, simulator);
  const startedAt = performance.now();
  const update = (): void => {
    device.show({ seconds: (performance.now() - startedAt) / 1000, seed, faults });
  };
  update();
  const timer = setInterval(update, UPDATE_MS);
  opened.defer(() => clearInterval(timer));
  const owned = opened.move();
  return {
    model: simulator.model,
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

async function startServer(pki: string, url: string): Promise<OPCUAServer> {
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
    nodeset_filename: [
      nodesets.standard,
      nodesets.di,
      nodesets.amb,
      nodesets.ia,
      nodesets.machinery,
      nodesets.lads,
    ],
    securityPolicies: [SecurityPolicy.Basic256Sha256],
    securityModes: [MessageSecurityMode.SignAndEncrypt],
    serverInfo: { applicationUri: "urn:wardgate:simulator" },
    maxConnectionsPerEndpoint: 32,
  });
  await server.initialize();
  await server.start();
  return server;
}

/** The device's tree in the server. */
interface ShownDevice {
  show(now: ShownState): void;
}

interface ShownState {
  readonly seconds: number;
  readonly seed: number;
  readonly faults: ReadonlySet<SimulatedFault>;
}

function buildDevice(server: OPCUAServer, simulator: LadsSimulator): ShownDevice {
  const space = server.engine.addressSpace;
  if (space === null) {
    throw new WardError("WARD_SIMULATE", "Cannot simulate: the server has no address space.");
  }
  const tree = new LadsTree(space);
  const functions = tree.unit(simulator.device, simulator.unit);
  const sensors = simulator.sensors.map((sensor) => ({
    sensor,
    shown: tree.sensor(functions, sensor),
  }));
  const covers = simulator.covers.map((cover) => ({
    cover,
    machine: promoteToStateMachine(tree.cover(functions, cover.name)),
  }));
  return {
    show: ({ seconds, seed, faults }) => {
      const status = statusOf(faults);
      for (const { sensor, shown } of sensors) {
        const jump = faults.has("noise") ? sensor.range.high * Math.random() : 0;
        const value = sensor.value(seconds, seed) + jump;
        shown.setValueFromSource({ dataType: DataType.Double, value }, status);
      }
      for (const { cover, machine } of covers) {
        machine.setState(cover.state(seconds, seed));
      }
    },
  };
}

function statusOf(faults: ReadonlySet<SimulatedFault>): StatusCode {
  if (faults.has("sensor-off")) {
    return StatusCodes.BadSensorFailure;
  }
  return faults.has("noise") ? StatusCodes.UncertainSensorNotAccurate : StatusCodes.Good;
}

/** Makes instances of the LADS types. */
class LadsTree {
  readonly #space: AddressSpace;

  constructor(space: AddressSpace) {
    this.#space = space;
    space.registerNamespace(NAMESPACE);
  }

  /** A device with one functional unit; gives the unit's FunctionSet. */
  unit(deviceName: string, unitName: string): UAObject {
    const deviceSet = child(this.#space.rootFolder.objects, "DeviceSet");
    const device = this.#make("LADSDeviceType", deviceName, deviceSet);
    const unit = this.#make("FunctionalUnitType", unitName, child(device, "FunctionalUnitSet"), [
      "FunctionSet",
    ]);
    return child(unit, "FunctionSet");
  }

  sensor(functions: UAObject, { name, unitId, symbol, range }: LadsSensor): UAVariable {
    const sensor = this.#make("AnalogScalarSensorFunctionType", name, functions);
    const value = variable(sensor, "SensorValue");
    const unit = makeEUInformation(symbol, symbol, symbol);
    unit.unitId = unitId;
    variable(value, "EngineeringUnits").setValueFromSource({
      dataType: DataType.ExtensionObject,
      value: unit,
    });
    variable(value, "EURange").setValueFromSource({
      dataType: DataType.ExtensionObject,
      value: new Range(range),
    });
    return value;
  }

  /** A door; gives its state machine. */
  cover(functions: UAObject, name: string): UAObject {
    return child(this.#make("CoverFunctionType", name, functions), "CoverState");
  }

  #make(typeName: string, name: string, parent: UAObject, optionals: string[] = []): UAObject {
    const type = this.#space.findObjectType(typeName, this.#space.getNamespaceIndex(LADS));
    if (type === null) {
      throw new WardError("WARD_SIMULATE", `Cannot simulate: the nodeset has no ${typeName}.`);
    }
    const namespaceIndex = this.#space.getNamespaceIndex(NAMESPACE);
    return type.instantiate({
      browseName: { name, namespaceIndex },
      displayName: name,
      componentOf: parent,
      optionals,
    });
  }
}

function child(parent: UAObject, name: string): UAObject {
  const found = parent.getChildByName(name) ?? parent.getFolderElementByName(name);
  if (!isObject(found)) {
    throw new WardError("WARD_SIMULATE", `Cannot simulate: the nodeset has no ${name}.`);
  }
  return found;
}

function variable(parent: BaseNode, name: string): UAVariable {
  const found = parent.getChildByName(name);
  if (!isVariable(found)) {
    throw new WardError("WARD_SIMULATE", `Cannot simulate: the nodeset has no ${name}.`);
  }
  return found;
}

function isObject(node: BaseNode | null): node is UAObject {
  return node?.nodeClass === NodeClass.Object;
}

function isVariable(node: BaseNode | null): node is UAVariable {
  return node?.nodeClass === NodeClass.Variable;
}

const LADS = "http://opcfoundation.org/UA/LADS/";
const NAMESPACE = "urn:wardgate:simulator";
const UPDATE_MS = 500;
const RESTART_MS = 1500;
const CLOSE_MAX_MS = 1500;
