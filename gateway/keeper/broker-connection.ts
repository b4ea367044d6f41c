import type { GatewayIdentity } from "../identity/identity.ts";
import type { MqttWill, ProtocolVersion } from "../mqtt/mqtt-options.ts";
import { openMqtt, type MqttConnection } from "../mqtt/mqtt.ts";
import type { KeeperConfig } from "./messages.ts";

/** A connection to the gateway's broker that is not made yet. */
export function brokerConnection(
  { settings, tuning }: KeeperConfig,
  identity: GatewayIdentity,
  o: { readonly will: MqttWill; readonly version: ProtocolVersion | undefined },
): MqttConnection {
  return openMqtt({
    url: settings.broker.url,
    serverName: settings.broker.serverName,
    clientId: settings.gateway,
    ca: identity.serversRootPem,
    cert: identity.certificateChainPem,
    key: identity.certificateKey.pem,
    crl: identity.serversCrlPem,
    keepaliveS: tuning.keepaliveS,
    will: o.will,
    protocolVersion: o.version,
  });
}
