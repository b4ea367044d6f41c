import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  DataType,
  MessageSecurityMode,
  nodesets,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
  setErrorLogger,
  setWarningLogger,
  StatusCodes,
} from "node-opcua";
import type { StatusCode, UAVariable } from "node-opcua";

/** How a server of the library is wanted for a test. */
export interface FakeServerOptions {
  readonly policies?: readonly SecurityPolicy[];
  readonly modes?: readonly MessageSecurityMode[];
  /** Passwords by user name; with any, anonymous sessions are refused. */
  readonly users?: Readonly<Record<string, string>>;
  /** User certificates (DER) that may log in; with any, anonymous sessions are refused. */
  readonly userCertificates?: readonly Buffer[];
  /** Whether it says without security how it can be reached. @default true */
  readonly answersUnsecured?: boolean;
  /** Whether every client certificate is taken. @default true */
  readonly welcomesAll?: boolean;
  readonly limits?: {
    readonly maxNodesPerRead?: number;
    readonly maxNodesPerBrowse?: number;
    readonly maxMonitoredItemsPerCall?: number;
  };
  readonly maxMonitoredItems?: number;
  readonly maxMonitoredItemsPerSubscription?: number;
  /** Lifetime of a connection's keys (milliseconds). */
  readonly keysMs?: number;
  readonly buildInfo?: { readonly manufacturerName: string; readonly productName: string };
  /** Variables `V0`, `V1`, ... of the folder `Fake`, all Double. @default 3 */
  readonly count?: number;
}

/** What a client asked for: the service, and how many nodes it named. */
export interface Asked {
  readonly service: string;
  readonly nodes: number;
}

/** A plain OPC-UA server on the loopback that remembers every request. */
export class FakeOpcuaServer implements AsyncDisposable {
  readonly server: OPCUAServer;
  readonly url: string;
  /** Its certificate, PEM. */
  readonly pem: string;
  readonly asked: Asked[] = [];
  readonly #variables: readonly UAVariable[];
  readonly #manager: OPCUACertificateManager;
  readonly #directory: string;

  private constructor(
    server: OPCUAServer,
    pem: string,
    rest: { variables: readonly UAVariable[]; manager: OPCUACertificateManager; directory: string },
  ) {
    this.server = server;
    this.url = `opc.tcp://127.0.0.1:${server.endpoints[0]!.port}`;
    this.pem = pem;
    this.#variables = rest.variables;
    this.#manager = rest.manager;
    this.#directory = rest.directory;
    server.on("request", (request: { schema: { name: string } }) => {
      const lists = Object.values(request).filter((value) => Array.isArray(value));
      const nodes = Math.max(0, ...lists.map(({ length }) => length));
      this.asked.push({ service: request.schema.name, nodes });
    });
  }

  static async start(options: FakeServerOptions = {}): Promise<FakeOpcuaServer> {
    setErrorLogger(() => undefined);
    setWarningLogger(() => undefined);
    const { users = {}, userCertificates = [], welcomesAll = true, count = 3, limits } = options;
    const directory = await mkdtemp(join(tmpdir(), "wardgate-fake-opcua-"));
    const manager = await managerIn(join(directory, "server"), welcomesAll);
    const userManager = await managerIn(join(directory, "users"), false);
    for (const certificate of userCertificates) {
      await userManager.trustCertificate(certificate);
    }
    const isOpen = Object.keys(users).length === 0 && userCertificates.length === 0;
    const server = new OPCUAServer({
      port: 0,
      host: "127.0.0.1",
      hostname: "localhost",
      serverCertificateManager: manager,
      userCertificateManager: userManager,
      nodeset_filename: [nodesets.standard],
      securityPolicies: [...(options.policies ?? [SecurityPolicy.Basic256Sha256])],
      securityModes: [...(options.modes ?? [MessageSecurityMode.SignAndEncrypt])],
      disableDiscovery: options.answersUnsecured === false,
      allowAnonymous: isOpen,
      userManager: { isValidUser: (name: string, password: string) => users[name] === password },
      serverInfo: { applicationUri: "urn:wardgate:fake" },
      serverCapabilities: {
        ...(limits === undefined ? {} : { operationLimits: limits }),
        ...(options.maxMonitoredItems === undefined
          ? {}
          : { maxMonitoredItems: options.maxMonitoredItems }),
        ...(options.maxMonitoredItemsPerSubscription === undefined
          ? {}
          : { maxMonitoredItemsPerSubscription: options.maxMonitoredItemsPerSubscription }),
      },
      ...(options.buildInfo === undefined ? {} : { buildInfo: options.buildInfo }),
      ...(options.keysMs === undefined ? {} : { defaultSecureTokenLifetime: options.keysMs }),
    });
    await server.initialize();
    await server.start();
    const space = server.engine.addressSpace!;
    const namespace = space.registerNamespace("urn:fake");
    const folder = namespace.addFolder(space.rootFolder.objects, { browseName: "Fake" });
    const variables = Array.from({ length: count }, (_, place) =>
      namespace.addVariable({
        componentOf: folder,
        browseName: `V${place}`,
        nodeId: `s=V${place}`,
        dataType: "Double",
        minimumSamplingInterval: 20,
        value: { dataType: DataType.Double, value: place },
      }),
    );
    const pem = await readFile(server.certificateFile, "utf8");
    return new FakeOpcuaServer(server, pem, { variables, manager, directory });
  }

  /** Sets a variable's value, as the device behind the server would. */
  set(place: number, value: number, status: StatusCode = StatusCodes.Good): void {
    this.#variables[place]!.setValueFromSource({ dataType: DataType.Double, value }, status);
  }

  /** Takes a client's certificate from now on. */
  async trust(certificate: Buffer): Promise<void> {
    await this.#manager.trustCertificate(certificate);
  }

  /** The largest request of a service. */
  largest(service: string): number {
    return Math.max(
      0,
      ...this.asked.filter((one) => one.service === service).map((one) => one.nodes),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.shutdown(0);
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function managerIn(
  rootFolder: string,
  welcomesAll: boolean,
): Promise<OPCUACertificateManager> {
  const manager = new OPCUACertificateManager({
    rootFolder,
    automaticallyAcceptUnknownCertificate: welcomesAll,
    disableFileWatchers: true,
  });
  await manager.initialize();
  return manager;
}
