import { generateKeyPairSync, type KeyObject } from "node:crypto";

import type { NetworkRules } from "../../gateway/identity/network-rules.ts";
import { type SignedSettings, signSettings } from "../../gateway/identity/signed-settings.ts";
import { recipientKid } from "../../gateway/sealing/recipient-kid.ts";

/** Signs settings for a guard. */
export class SettingsSigner {
  readonly #keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } =
    generateKeyPairSync("ed25519");
  #issuedAt = Date.UTC(2026, 10, 1);

  /** The public key in base64 DER, as the keeper brings it. */
  get signer(): string {
    return base64(this.#keys.publicKey);
  }

  get publicKey(): KeyObject {
    return this.#keys.publicKey;
  }

  /** Settings a second newer than those before. */
  settings(changes: Partial<SignedSettings> = {}): SignedSettings {
    this.#issuedAt += 1000;
    return { ...DRAFT, issuedAt: this.#issuedAt, ...changes };
  }

  sign(settings: SignedSettings): Buffer {
    return Buffer.from(signSettings(settings, this.#keys.privateKey));
  }

  /** What the keeper brings for settings with these. */
  offer(changes: Partial<SignedSettings> = {}): { readonly signer: string; readonly site: string } {
    return {
      signer: this.signer,
      site: this.sign(this.settings(changes)).toString("base64"),
    };
  }
}

/** Network rules with the given parts. */
export function networkRules(rules: Partial<NetworkRules> = {}): NetworkRules {
  return { wardInterfaces: [], allow: [], own: { unlisted: "tell", hosts: [] }, ...rules };
}

const RECIPIENT = generateKeyPairSync("ec", { namedCurve: "P-256" });
const DRAFT: SignedSettings = {
  version: 1,
  gateway: "east-a",
  issuedAt: 0,
  authoring: false,
  recipients: [{ kid: recipientKid(RECIPIENT.publicKey), spki: base64(RECIPIENT.publicKey) }],
  receiptKey: base64(generateKeyPairSync("ed25519").publicKey),
  broker: { url: "mqtts://10.1.0.5:8883", serverName: "broker.ward.example" },
  lines: ["serial:/dev/ttyUSB0"],
  opcuaTrust: [],
  flows: [],
};

function base64(key: KeyObject): string {
  return key.export({ type: "spki", format: "der" }).toString("base64");
}
