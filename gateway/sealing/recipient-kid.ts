import type { KeyObject } from "node:crypto";

import { keyId } from "./sign.ts";

/**
 * How epochs name the key they are wrapped for: 16 hex digits of the hash of its SubjectPublicKeyInfo. Provisioning puts
 * it into the signed settings, and a hub finds itself by it; `key` is the public or the private half.
 */
export function recipientKid(key: KeyObject): string {
  return Buffer.from(keyId(key)).toString("hex");
}
