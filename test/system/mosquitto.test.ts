import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { BROKER_FILES } from "../../gateway/identity/site-files.ts";
import type { BrokerIdentity } from "../../hub/broker-identity.ts";
import { startMosquitto } from "../fakes/mosquitto.ts";
import { brokerSuite } from "../hub/broker-suite.ts";

brokerSuite(async (pki) => {
  const directory = await mkdtemp(join(tmpdir(), "ward-mosquitto-"));
  await writeBrokerDirectory(directory, pki.brokerIdentity);
  const mosquitto = await startMosquitto({ directory, hubs: ["hub-1", "hub-2"] });
  return {
    gatewayPort: mosquitto.gatewayPort,
    hubPort: mosquitto.hubPort,
    protocolVersion: 5,
    async stop() {
      await mosquitto.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
});

async function writeBrokerDirectory(directory: string, identity: BrokerIdentity): Promise<void> {
  for (const [part, file] of Object.entries(BROKER_FILES)) {
    await writeFile(join(directory, file), identity[part as keyof BrokerIdentity] ?? "", {
      mode: 0o600,
    });
  }
}
