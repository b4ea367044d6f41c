import type { KeyObject, X509Certificate } from "node:crypto";

import { errorCode, WardError } from "../gateway/errors.ts";
import { verifyBinding } from "../gateway/identity/identity.ts";
import { fromHex, hashHex, toHex } from "../gateway/sealing/envelope.ts";
import type { Origin } from "../gateway/sealing/epoch.ts";
import { type ReadEpoch, readEpoch } from "../gateway/sealing/open.ts";
import { keyId } from "../gateway/sealing/sign.ts";
import type { HubStore } from "./store.ts";

/** What the keyring judges with. */
export interface KeyringOptions {
  readonly store: HubStore;
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

/** Whose keys a record needs. */
export interface WantedKeys {
  readonly gateway: string;
  readonly epoch: string;
  readonly signer: string;
  /** The time that the signing key is judged by, epoch milliseconds. */
  readonly at: number;
}

/**
 * Which keys to trust: a gateway's signing keys by their binding statements, and epoch keys by what the gateway wrapped for
 * us. Both come with epoch records, are judged before they are stored, and judged again when they are read back.
 */
export class Keyring {
  readonly #options: KeyringOptions;
  readonly #signers = new Map<string, readonly BoundKey[]>();
  readonly #epochs = new Map<string, OpenedEpoch>();
  /** Epochs of the last `load` that are here and cannot be opened. */
  readonly #failures = new Map<string, unknown>();

  constructor(options: KeyringOptions) {
    this.#options = options;
  }

  /**
   * Judges an epoch record and stores it. Returns its id, or throws WardError: `WARD_ENVELOPE` (malformed), `WARD_UNVERIFIED`
   * (binding or signature), `WARD_RECIPIENT` or `WARD_OPEN` (not sealed to our key), `WARD_HUB_EPOCH` (contradicts the one
   * we have).
   */
  async admit(bytes: Uint8Array, gateway: string): Promise<string> {
    const epoch = readEpoch(bytes);
    if (epoch.gateway !== gateway) {
      throw foreign(`an epoch of ${epoch.gateway} came on the topic of ${gateway}`);
    }
    const { store, recipient, now } = this.#options;
    const bound = await this.#judgeBinding(epoch);
    if (!epoch.verify(bound.key)) {
      throw foreign("the signature of an epoch is wrong");
    }
    const key = epoch.unwrap(recipient);
    await this.load([{ ...epoch, at: epoch.createdAt }]);
    const known = this.epochKey(gateway, epoch.epoch);
    if (known !== null && !known.key.equals(key)) {
      throw new WardError("WARD_HUB_EPOCH", "Cannot take epoch: we have another key under its id.");
    }
    await store.addEpoch({
      gateway,
      epoch: fromHex(epoch.epoch),
      hash: fromHex(hashHex(bytes)),
      committedAt: now(),
      bytes,
      signer: fromHex(epoch.signer),
      bindingHash: fromHex(hashHex(epoch.binding)),
      bindingAt: bound.judgedAt,
      binding: epoch.binding,
    });
    this.#signers.delete(nameOf(gateway, epoch.signer));
    return epoch.epoch;
  }

  /** Brings keys into memory as far as they are in the store. */
  async load(wanted: readonly WantedKeys[]): Promise<void> {
    this.#failures.clear();
    for (const { gateway, epoch, signer, at } of wanted) {
      await this.#loadSigner(gateway, signer, at);
      await this.#loadEpoch(gateway, epoch);
    }
  }

  /**
   * The key that this signer of the gateway had at `at` (epoch milliseconds) or has now; null when none is loaded. A key that
   * was vouched for before `at` and after it was the gateway's in between too: it may have been off line past the end of one
   * certificate, and got the next one later.
   */
  signingKey(gateway: string, signer: string, at: number): KeyObject | null {
    const now = this.#options.now();
    const bound = this.#signers.get(nameOf(gateway, signer)) ?? [];
    const isCovered =
      bound.some((key) => at >= key.notBefore) && bound.some((key) => at <= key.notAfter);
    const isValid = isCovered || bound.some((key) => now >= key.notBefore && now <= key.notAfter);
    return isValid ? (bound[0]?.key ?? null) : null;
  }

  /** The epoch's key, or null when it is not loaded. Throws WardError when it is here and cannot be opened. */
  epochKey(gateway: string, epoch: string): OpenedEpoch | null {
    const name = nameOf(gateway, epoch);
    if (this.#failures.has(name)) {
      throw this.#failures.get(name);
    }
    return this.#epochs.get(name) ?? null;
  }

  async #loadSigner(gateway: string, signer: string, at: number): Promise<void> {
    if (this.signingKey(gateway, signer, at) !== null) {
      return;
    }
    const { store, now } = this.#options;
    const bindings = await store.bindings(gateway, fromHex(signer));
    const bound = bindings.flatMap((binding) => {
      try {
        return [this.#judge(binding.bytes, [binding.at, now()])];
      } catch {
        // Revoked meanwhile, or another root: the key is not trusted any more.
        return [];
      }
    });
    remember(this.#signers, nameOf(gateway, signer), bound);
  }

  async #loadEpoch(gateway: string, epoch: string): Promise<void> {
    const name = nameOf(gateway, epoch);
    if (this.#epochs.has(name)) {
      return;
    }
    const bytes = await this.#options.store.epoch(gateway, fromHex(epoch));
    if (bytes === null) {
      return;
    }
    try {
      remember(this.#epochs, name, await this.#reopen(bytes));
    } catch (error) {
      if (errorCode(error) === "WARD_HUB_STORE") {
        throw error;
      }
      this.#failures.set(name, error);
    }
  }

  async #reopen(bytes: Uint8Array): Promise<OpenedEpoch> {
    const epoch = readEpoch(bytes);
    await this.#loadSigner(epoch.gateway, epoch.signer, epoch.createdAt);
    const key = this.signingKey(epoch.gateway, epoch.signer, epoch.createdAt);
    if (key === null || !epoch.verify(key)) {
      throw foreign("the key that signed a stored epoch is not trusted any more");
    }
    return { key: epoch.unwrap(this.#options.recipient), origin: epoch.origin };
  }

  async #judgeBinding(epoch: ReadEpoch): Promise<BoundKey> {
    const bound = await this.#judgeEarlyOrLate(epoch);
    if (bound.gateway !== epoch.gateway || toHex(keyId(bound.key)) !== epoch.signer) {
      throw foreign("a key binding is for another gateway or key");
    }
    return bound;
  }

  /** A gateway's clock may have stood in 1970 when it sealed, so a binding that is good today is good enough. */
  async #judgeEarlyOrLate(epoch: ReadEpoch): Promise<BoundKey> {
    const { gateway, signer, createdAt, binding } = epoch;
    try {
      return this.#judge(binding, [createdAt, this.#options.now()]);
    } catch (error) {
      // A gateway that is off line past its certificate's end goes on sealing: that counts once its key is vouched for anew.
      await this.#loadSigner(gateway, signer, createdAt);
      if (this.signingKey(gateway, signer, createdAt) === null) {
        throw error;
      }
      return this.#judge(binding, [null]);
    }
  }

  #judge(binding: Uint8Array, times: readonly (number | null)[]): BoundKey {
    const { gatewaysRoot, crlPem } = this.#options;
    let failure: unknown = null;
    for (const at of times) {
      try {
        const bound = verifyBinding(binding, { gatewaysRoot, crlPem, at });
        return { ...bound, judgedAt: at ?? bound.notAfter };
      } catch (error) {
        failure = error;
      }
    }
    throw new WardError("WARD_UNVERIFIED", `Cannot trust signing key: ${errorCode(failure)}.`, {
      cause: failure,
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
