import { EmbeddedBroker } from "../../hub/broker.ts";
import { brokerSuite } from "./broker-suite.ts";

brokerSuite(async (pki) => {
  const broker = await EmbeddedBroker.open({
    identity: pki.brokerIdentity,
    gatewayPort: 0,
    hubPort: 0,
  });
  return {
    gatewayPort: broker.gatewayPort,
    hubPort: broker.hubPort,
    protocolVersion: 4,
    stop: async () => await broker.close(),
  };
});
