import { mkdir, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";

import { Part } from "../../../gateway/demo/child.ts";
import { GATEWAY_FILES } from "../../../gateway/identity/site-files.ts";
import { type BenchSite, freePort, GATEWAY, MOSQUITTO, untilListening } from "../bench-site.ts";

/** A mosquitto on the gateway's side that keeps what it takes and passes it on to the site's broker. */
export interface Bridge {
  readonly part: Part;
  /** Where it listens, on this machine only and without TLS. */
  readonly port: number;
}

/** Starts a bridge that saves on every change, in a new directory. */
export async function openBridge(bench: BenchSite, directory: string): Promise<Bridge> {
  const port = await freePort();
  await mkdir(directory, { recursive: true });
  const config = join(directory, "mosquitto.conf");
  await writeFile(config, bridgeConfig(bench, directory, port));
  const part = new Part("bridge", [MOSQUITTO, "-c", config]);
  await untilListening(port);
  return { part, port };
}

function bridgeConfig(bench: BenchSite, directory: string, port: number): string {
  const file = (name: string): string => join(bench.site.gatewayDirectory, name);
  return `user ${userInfo().username}
listener ${port} 127.0.0.1
allow_anonymous true
# Without this every small answer waits up to 40 ms for the one before it.
set_tcp_nodelay true
persistence true
persistence_location ${directory}/
autosave_on_changes true
autosave_interval 1
# By default what comes after the first 1000 that wait is thrown away.
max_queued_messages 0
log_dest none

connection site
address 127.0.0.1:${bench.proxyPort}
bridge_cafile ${file(GATEWAY_FILES.serversRoot)}
bridge_certfile ${file(GATEWAY_FILES.certificate)}
bridge_keyfile ${file(GATEWAY_FILES.key)}
bridge_tls_version tlsv1.3
# A bridge compares the certificate's name with the address, and the bench's broker has no name in the DNS.
bridge_insecure true
remote_clientid ${GATEWAY}
cleansession false
notifications false
restart_timeout 1
topic ward/v1/${GATEWAY}/up/# out 1
`;
}
