import { createSecretKey, generateKeyPairSync, randomBytes, type KeyObject } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";

import { WardError } from "../errors.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";
import { TpmDevice } from "../tpm/device.ts";
import { Tpm } from "../tpm/tpm.ts";
import { isTss2Key, readTss2Key, writeTss2Key } from "../tpm/tss2-key.ts";
import { RC_POLICY_FAIL, TpmError } from "../tpm/wire.ts";
import {
  softwareTlsKey,
  type KeyProcess,
  type KeyProvider,
  type TlsKey,
  type UpwardCounter,
} from "./key-provider.ts";
import { SealedFiles, SECRET_BYTES } from "./sealed-files.ts";
import { tpmProcess } from "./tpm-process.ts";
import type { TpmPlace } from "./tpm-file.ts";

/**
 * TLS keys are born in the TPM and never leave it. Everything else (TPMs know no Ed25519) is in files, sealed under a
 * key-encryption key that only this TPM opens. All of it hangs on one storage key in the TPM, which nobody can make again:
 * to remove that is to destroy every key, whatever old copies of files there are.
 */
export class TpmKeys implements KeyProvider {
  readonly kind = "tpm";
  readonly #place: TpmPlace;
  readonly #files: SealedFiles;
  #unsealed: Buffer | null = null;

  constructor(place: TpmPlace) {
    this.#place = place;
    this.#files = new SealedFiles(() => createSecretKey(this.#secrets().subarray(0, SECRET_BYTES)));
  }

  get process(): KeyProcess {
    return tpmProcess(this.#place.device);
  }

  get counter(): UpwardCounter {
    const { parent, counter } = this.#place;
    return {
      start: Number(this.#secrets().readBigUInt64BE(SECRET_BYTES)),
      read: () => this.#use((tpm) => Number(tpm.readCounter(parent, counter) ?? lost(this.#place))),
      increment: () => this.#use((tpm) => tpm.increment(parent, counter)),
    };
  }

  get beyondFiles(): readonly string[] {
    const { parent, counter } = this.#place;
    return [`tpm-key-${parent.toString(16)}`, `tpm-counter-${counter.toString(16)}`];
  }

  createTlsKey(path: string): TlsKey {
    const { parent } = this.#place;
    const pem = this.#use((tpm) => writeTss2Key(parent, tpm.makeKey(parent)));
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    replaceDurably(path, Buffer.from(pem));
    return this.#tlsKey(pem);
  }

  readTlsKey(path: string): TlsKey {
    const text = readFileSync(path, "utf8");
    return isTss2Key(text) ? this.#tlsKey(text) : softwareTlsKey(this.#files.readKey(path));
  }

  createSigningKey(path: string): KeyObject {
    const { privateKey } = generateKeyPairSync("ed25519");
    this.#files.writeKey(path, privateKey);
    return privateKey;
  }

  readSigningKey(path: string): KeyObject {
    return this.#files.readKey(path);
  }

  createSecret(path: string): KeyObject {
    return this.#files.writeSecret(path, randomBytes(SECRET_BYTES));
  }

  readSecret(path: string): KeyObject | null {
    return this.#files.readSecret(path);
  }

  /** Puts a file that lies here in clear under seal. */
  seal(path: string, content: KeyObject): void {
    if (content.type === "secret") {
      this.#files.writeSecret(path, content.export());
    } else {
      this.#files.writeKey(path, content);
    }
  }

  destroy(): readonly string[] {
    const { device, parent, name, counter } = this.#place;
    TpmDevice.use(device, (opened) => {
      const tpm = new Tpm(opened);
      // Whatever else lies there by now is not ours.
      const isOurs = tpm.nameOf(parent) === name;
      if (isOurs) {
        tpm.removeParent(parent);
      }
      if (isOurs && tpm.hasIndex(counter)) {
        tpm.removeCounter(counter);
      }
      if (tpm.nameOf(parent) === name || (isOurs && tpm.hasIndex(counter))) {
        throw new WardError("WARD_TPM", "Cannot wipe: the TPM still has the keys.");
      }
    });
    return this.beyondFiles;
  }

  #tlsKey(pem: string): TlsKey {
    const { parent, blob, publicKey } = readTss2Key(pem);
    if (parent !== this.#place.parent) {
      throw new WardError("WARD_KEY", "it does not lie where this gateway has its keys in the TPM");
    }
    const sign = (data: Uint8Array): Buffer => this.#use((tpm) => tpm.sign(parent, blob, data));
    return { holder: "tpm", publicKey, pem, sign };
  }

  #secrets(): Buffer {
    const { parent, sealed, pcrs } = this.#place;
    this.#unsealed ??= this.#use((tpm) => tpm.unseal(parent, sealed, pcrs));
    return this.#unsealed;
  }

  #use<T>(act: (tpm: Tpm) => T): T {
    const { device, parent, name, pcrs } = this.#place;
    return TpmDevice.use(device, (opened) => {
      const tpm = new Tpm(opened);
      if (tpm.nameOf(parent) !== name) {
        return lost(this.#place);
      }
      try {
        return act(tpm);
      } catch (error) {
        if (error instanceof TpmError && error.reason === RC_POLICY_FAIL) {
          throw new WardError(
            "WARD_TPM_PCR",
            `Cannot open the keys: this machine was not started as it was when they were sealed (PCR ${pcrs.join(", ")}). ` +
              "Start it as it was, or give the gateway a new claim.",
            { cause: error },
          );
        }
        throw error;
      }
    });
  }
}

function lost({ device }: TpmPlace): never {
  throw new WardError(
    "WARD_TPM_LOST",
    `Cannot open the keys: the TPM at ${device} is another one, or was cleared. They are lost for good; what is sealed in the ` +
      "outbox is not. Give the gateway a new claim: wardgate ca claim, then wardgate enroll.",
  );
}
