/**
 * Where the parts of an identity lie. Provisioning writes these directories; the gateway, the hub and the broker read
 * theirs. All files are readable by their owner only.
 */

/** Below a gateway's data directory. */
export const GATEWAY_FILES = {
  settings: "site.cose",
  settingsSigner: "identity/settings-signer.pub.pem",
  certificate: "identity/gateway.crt.pem",
  key: "identity/gateway.key.pem",
  serversRoot: "identity/servers-root.crt.pem",
  gatewaysRoot: "identity/gateways-root.crt.pem",
  signingKey: "identity/signing.key.pem",
  binding: "identity/binding.cose",
  serversCrl: "identity/servers.crl.pem",
  bundleRoot: "identity/bundle-root.json",
} as const;

/** Below a hub's directory. */
export const HUB_FILES = {
  certificate: "identity/hub.crt.pem",
  key: "identity/hub.key.pem",
  serversRoot: "identity/servers-root.crt.pem",
  gatewaysRoot: "identity/gateways-root.crt.pem",
  gatewaysCrl: "identity/gateways.crl.pem",
  serversCrl: "identity/servers.crl.pem",
  recipientKey: "identity/recipient.key.pem",
  receiptKey: "identity/receipt.key.pem",
} as const;

/** Below a broker's directory. */
export const BROKER_FILES = {
  certificate: "broker.crt.pem",
  key: "broker.key.pem",
  gatewaysRoot: "gateways-root.crt.pem",
  serversRoot: "servers-root.crt.pem",
  gatewaysCrl: "gateways.crl.pem",
  serversCrl: "servers.crl.pem",
} as const;
