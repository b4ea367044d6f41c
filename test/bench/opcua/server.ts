import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
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
} from "node-opcua";

import { onCommand, tell } from "../program.ts";

/**
 * The server of opcua-bench.ts, a program of its own:
 *
 *     node server.ts ITEMS MILLISECONDS
 *
 * So many Double variables, all of which change so often. It says where it is, which certificate it has and in which namespace
 * its variables are.
 */
const [items = 1000, everyMs = 100] = process.argv.slice(2).map(Number);

setErrorLogger(() => undefined);
setWarningLogger(() => undefined);
const pki = await mkdtemp(join(tmpdir(), "wardgate-opcua-bench-"));
const certificates = new OPCUACertificateManager({
  rootFolder: pki,
  automaticallyAcceptUnknownCertificate: true,
  disableFileWatchers: true,
});
await certificates.initialize();
const server = new OPCUAServer({
  port: 0,
  host: "127.0.0.1",
  hostname: "localhost",
  serverCertificateManager: certificates,
  nodeset_filename: [nodesets.standard],
  securityPolicies: [SecurityPolicy.Aes256_Sha256_RsaPss],
  securityModes: [MessageSecurityMode.SignAndEncrypt],
  serverInfo: { applicationUri: "urn:wardgate:bench" },
});
await server.initialize();
await server.start();
const space = server.engine.addressSpace!;
const namespace = space.getOwnNamespace();
const folder = namespace.addFolder(space.rootFolder.objects, { browseName: "Bench" });
const variables = Array.from({ length: items }, (_, place) =>
  namespace.addVariable({
    componentOf: folder,
    browseName: `V${place}`,
    nodeId: `s=V${place}`,
    dataType: "Double",
    minimumSamplingInterval: everyMs,
    value: { dataType: DataType.Double, value: place },
  }),
);
let round = 0;
setInterval(() => {
  round += 1;
  for (const [place, variable] of variables.entries()) {
    const value = (100 * place + (round % 100)) / 100;
    variable.setValueFromSource({ dataType: DataType.Double, value });
  }
}, everyMs);
onCommand(() => undefined);
process.on("exit", () => rmSync(pki, { recursive: true, force: true }));
tell({
  kind: "ready",
  url: `opc.tcp://127.0.0.1:${server.endpoints[0]?.port ?? 0}`,
  certificateFile: server.certificateFile,
  namespace: namespace.namespaceUri,
});
