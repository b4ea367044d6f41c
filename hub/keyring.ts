import type { KeyObject, X509Certificate } from "node:crypto";

import { errorCode, WardError } from "../gateway/errors.ts";
import { verifyBinding } from "../gateway/identity/identity.ts";
import { fromHex, hashHex } from "../gateway/sealing/envelope.ts";
import type { Origin } from "../gateway/sealing/epoch.ts";
import { type ReadEpoch, readEpoch } from "../gateway/sealing/open.ts";
import { keyId } from "../gateway/sealing/sign.ts";
import { sameBytes, type SealedStore } from "./sealed.ts";

/** What the keyring judges with. */
export interface KeyringOptions {
  readonly sealed: SealedStore;
  /** The root that gateways' certificates must come from. */
  readonly gatewaysRoot: X509Certificate;
  readonly crlPem?: string | undefined;
  /** Who we are among the recipients of an epoch. */
  readonly recipient: { readonly kid: string; readonly key: KeyObject };
  /** Hub time, epoch milliseconds. */
  readonly now: () => number;
}

/** An epoch key and who may seal under it. */
export interface OpenedEpoch {
  readonly key: KeyObject;
  readonly origin: Origin;
}

/**
 * Which keys to trust: a gateway's signing keys by their binding statements, and epoch keys by what the gateway wrapped for
 * us. Both come with epoch records, are judged before they are stored, and judged again when they are read back.
 */
export class Keyring {
  readonly #options: KeyringOptions;
  readonly #signers = new Map<string, BoundKey[]>();
  readonly #epochs = new Map<string, OpenedEpoch>();

  constructor(options: KeyringOptions) {
    this.#options = options;
  }

  /** Forgets what may have been undone. */
  forget(): void {
    this.#signers.clear();
    this.#epochs.clear();
  }

  /**
   * Judges an epoch record and stores it. Returns its id, or throws WardError: `WARD_ENVELOPE` (malformed), `WARD_UNVERIFIED`
   * (binding or signature), `WARD_RECIPIENT` or `WARD_OPEN` (not sealed to our key), `WARD_HUB_EPOCH` (contradicts the one
   * we have).
   */
  admit(bytes: Uint8Array, gateway: string): string {
    const epoch = readEpoch(bytes);
    if (epoch.gateway !== gateway) {
      throw foreign(`an epoch of ${epoch.gateway} came on the topic of ${gateway}`);
    }
    const { sealed, recipient, now } = this.#options;
    const bound = this.#judgeBinding(epoch);
    if (!epoch.verify(bound.key)) {
      throw foreign("the signature of an epoch is wrong");
    }
    const key = epoch.unwrap(recipient);
    const known = this.epochKey(gateway, epoch.epoch);
    if (known !== null && !known.key.equals(key)) {
      throw new WardError("WARD_HUB_EPOCH", "Cannot take epoch: we have another key under its id.");
    }
    sealed.addEpoch({
      gateway,
      epoch: fromHex(epoch.epoch),
      hash: fromHex(hashHex(bytes)),
      committedAt: now(),
      bytes,
    });
    sealed.addBinding({
      gateway,
      signer: fromHex(epoch.signer),
      hash: fromHex(hashHex(epoch.binding)),
      at: bound.judgedAt,
      bytes: epoch.binding,
    });
    this.#signers.delete(nameOf(gateway, epoch.signer));
    return epoch.epoch;
  }

  /** The key that this signer of the gateway had at `at` (epoch milliseconds) or has now; null when none is known. */
  signingKey(gateway: string, signer: string, at: number): KeyObject | null {
    const name = nameOf(gateway, signer);
    const bound = this.#signers.get(name) ?? this.#loadSigners(gateway, signer);
    remember(this.#signers, name, bound);
    const now = this.#options.now();
    return bound.find((key) => isValidAt(key, at) || isValidAt(key, now))?.key ?? null;
  }

  /** The epoch's key, or null when the epoch is not here. Throws WardError when it is and cannot be opened. */
  epochKey(gateway: string, epoch: string): OpenedEpoch | null {
    const name = nameOf(gateway, epoch);
    const known = this.#epochs.get(name);
    if (known !== undefined) {
      return known;
    }
    const bytes = this.#options.sealed.epoch(gateway, fromHex(epoch));
    if (bytes === null) {
      return null;
    }
    const opened = this.#reopen(bytes);
    remember(this.#epochs, name, opened);
    return opened;
  }

  #reopen(bytes: Uint8Array): OpenedEpoch {
    const epoch = readEpoch(bytes);
    const key = this.signingKey(epoch.gateway, epoch.signer, epoch.createdAt);
    if (key === null || !epoch.verify(key)) {
      throw foreign("the key that signed a stored epoch is not trusted any more");
    }
    return { key: epoch.unwrap(this.#options.recipient), origin: epoch.origin };
  }

  #judgeBinding(epoch: ReadEpoch): BoundKey {
    const bound = this.#judge(epoch.binding, [epoch.createdAt, this.#options.now()]);
    if (bound.gateway !== epoch.gateway || !sameBytes(keyId(bound.key), fromHex(epoch.signer))) {
      throw foreign("a key binding is for another gateway or key");
    }
    return bound;
  }

  /** A gateway's clock may have stood in 1970 when it sealed, so a binding that is good today is good enough. */
  #judge(binding: Uint8Array, times: readonly number[]): BoundKey {
    const { gatewaysRoot, crlPem } = this.#options;
    let failure: unknown = null;
    for (const at of times) {
      try {
        return { ...verifyBinding(binding, { gatewaysRoot, crlPem, at }), judgedAt: at };
      } catch (error) {
        failure = error;
      }
    }
    throw new WardError("WARD_UNVERIFIED", `Cannot trust signing key: ${errorCode(failure)}.`, {
      cause: failure,
    });
  }

  #loadSigners(gateway: string, signer: string): BoundKey[] {
    const { sealed, now } = this.#options;
    return sealed.bindings(gateway, fromHex(signer)).flatMap(({ at, bytes }) => {
      try {
        return [this.#judge(bytes, [at, now()])];
      } catch {
        // Revoked meanwhile, or another root: the key is not trusted any more.
        return [];
      }
    });
  }
}

interface BoundKey {
  readonly gateway: string;
  readonly key: KeyObject;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly judgedAt: number;
}

/** Keys kept in memory. */
const CACHE_MAX = 4096;

function isValidAt(key: BoundKey, at: number): boolean {
  return at >= key.notBefore && at <= key.notAfter;
}

function remember<T>(cache: Map<string, T>, name: string, value: T): void {
  if (cache.size >= CACHE_MAX) {
    cache.clear();
  }
  cache.set(name, value);
}

function nameOf(gateway: string, id: string): string {
  return `${gateway}/${id}`;
}

function foreign(why: string): WardError {
  return new WardError("WARD_UNVERIFIED", `Cannot trust what came from the broker: ${why}.`);
}
