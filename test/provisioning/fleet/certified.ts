import { generateKeyPairSync, type KeyObject } from "node:crypto";

import { type SignedSettings, signSettings } from "../../../gateway/identity/signed-settings.ts";
import type { Authority } from "../../../provisioning/authority.ts";
import { issueGateway } from "../../../provisioning/ca.ts";
import { recordIssued } from "../../../provisioning/issued.ts";

/** Gives a gateway a certificate, as enrolment does. */
export async function issuedGateway(authority: Authority, gateway: string): Promise<void> {
  const { certificate } = await issueGateway(authority.gateways, gateway);
  await recordIssued(authority.directory, { kind: "gateways", by: "claim", certificate });
}

/** Signed settings that allow some lines. */
export function signedSite(
  authority: Authority,
  o: Pick<SignedSettings, "gateway" | "lines"> & Partial<SignedSettings>,
): Uint8Array {
  const recipient = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
  const receipt = generateKeyPairSync("ed25519").publicKey;
  const settings = {
    issuedAt: Date.UTC(2026, 10, 1),
    flows: [],
    ...o,
    version: 1,
    authoring: false,
    recipients: [{ kid: "hub-1", spki: base64(recipient) }],
    receiptKey: base64(receipt),
    broker: { url: "mqtts://broker.example:8883", serverName: "broker.example" },
    opcuaTrust: [],
  } as const;
  return signSettings(settings, authority.settingsSigner);
}

function base64(key: KeyObject): string {
  return key.export({ type: "spki", format: "der" }).toString("base64");
}
