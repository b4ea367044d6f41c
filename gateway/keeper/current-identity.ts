import { createPublicKey, type KeyObject, type X509Certificate } from "node:crypto";
import { join } from "node:path";

import { WardError } from "../errors.ts";
import { loadGatewayIdentity, type GatewayIdentity } from "../identity/identity.ts";
import type { KeyProvider } from "../identity/key-provider.ts";
import { NextIdentity, nextPlace } from "../identity/next-identity.ts";
import { GATEWAY_FILES } from "../identity/site-files.ts";

/** The gateway's identity as it was last read: a renewed certificate is taken over without a restart. */
export class CurrentIdentity {
  readonly #directory: string;
  #identity: GatewayIdentity;

  /** Throws WardError `WARD_IDENTITY`. */
  constructor(dataDirectory: string) {
    this.#directory = join(dataDirectory, "identity");
    new NextIdentity(this.#directory).finish();
    this.#identity = loadGatewayIdentity(this.#directory);
  }

  /** The files that make it, and the last of those that make the next one, below `dataDirectory`. */
  static paths(dataDirectory: string): string[] {
    const files = Object.values(GATEWAY_FILES).filter((name) => name.startsWith("identity/"));
    return [...files, "identity/next/binding.cose"].map((name) => join(dataDirectory, name));
  }

  get gateway(): string {
    return this.#identity.gateway;
  }

  get signingKey(): KeyObject {
    return this.#identity.signingKey;
  }

  get binding(): Uint8Array {
    return this.#identity.binding;
  }

  get certificate(): X509Certificate {
    return this.#identity.certificate;
  }

  /** Opened once: a chip takes its time. */
  get keys(): KeyProvider {
    return this.#identity.keys;
  }

  /** As it was last read. */
  get loaded(): GatewayIdentity {
    return this.#identity;
  }

  /** Reads it again. Throws WardError `WARD_IDENTITY` when it cannot be used; then the one before stays. */
  reload(): GatewayIdentity {
    this.#identity = this.#same(loadGatewayIdentity(this.#directory, undefined, this.keys));
    return this.#identity;
  }

  /** The one that waits to take its place. Throws WardError `WARD_IDENTITY`, like `reload`. */
  loadNext(): GatewayIdentity {
    const place = nextPlace(this.#directory);
    return this.#same(loadGatewayIdentity(this.#directory, place, this.keys));
  }

  #same(identity: GatewayIdentity): GatewayIdentity {
    const isSameKey = createPublicKey(identity.signingKey).equals(createPublicKey(this.signingKey));
    if (identity.gateway !== this.gateway || !isSameKey) {
      throw new WardError(
        "WARD_IDENTITY",
        "Cannot take over the new identity: it has another name or signing key. Restart the gateway.",
      );
    }
    return identity;
  }
}
