import { WardError } from "../errors.ts";
import type {
  EpochRecord,
  Loss,
  PutRequest,
  RecordCodec,
  SealedFacts,
  SignedPlace,
} from "../outbox/records.ts";
import type { SignedSettings } from "../identity/signed-settings.ts";
import type { GatewayIdentity } from "../identity/identity.ts";
import { readSealedHeader } from "../sealing/envelope.ts";
import { readWrappedEpoch } from "../sealing/epoch.ts";
import type { BatchGap } from "../sealing/gap.ts";
import { readRecord } from "../sealing/open.ts";
import { Sealer } from "../sealing/seal.ts";
import { RecordSigner } from "../sealing/sign.ts";

export interface CodecOptions {
  readonly identity: Pick<GatewayIdentity, "gateway" | "signingKey" | "binding">;
  /** Whom the keeper's own gap records are sealed to. */
  readonly recipients: SignedSettings["recipients"];
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Signs for the outbox with the gateway's signing key, and seals gap records under the keeper's own epoch. */
export class SealedCodec implements RecordCodec {
  readonly #options: CodecOptions;
  readonly #signer: RecordSigner;
  readonly #sealer: Sealer;
  /** The epoch the last gap record was sealed under, and the one before, which may still be on its way to the disk. */
  #own: string[] = [];

  /** Throws WardError `WARD_RECIPIENT` when a recipient key cannot be used. */
  constructor(options: CodecOptions) {
    const { identity, recipients, now } = options;
    this.#options = options;
    this.#signer = new RecordSigner({ key: identity.signingKey });
    this.#sealer = new Sealer({ gateway: identity.gateway, origin: "keeper", recipients, now });
  }

  header(sealed: Uint8Array): SealedFacts {
    const { class: name, epoch, salt, count } = readSealedHeader(sealed);
    return { class: name, epoch, salt, items: count };
  }

  sign(
    sealed: Uint8Array,
    place: SignedPlace,
  ): { readonly bytes: Uint8Array; readonly hash: string } {
    return this.#signer.sign(sealed, { gateway: this.#options.identity.gateway, ...place });
  }

  storeOf(record: Uint8Array): string {
    return readRecord(record).place.store;
  }

  epochOf(wrapped: Uint8Array): string {
    const { gateway, epoch } = readWrappedEpoch(wrapped);
    if (gateway !== this.#options.identity.gateway) {
      throw new WardError("WARD_ENVELOPE", "Cannot store an epoch key: it is another gateway's.");
    }
    return epoch;
  }

  signEpoch(wrapped: Uint8Array, store: string): Uint8Array {
    const { gateway, binding } = this.#options.identity;
    return this.#signer.signEpoch(wrapped, { gateway, store, binding });
  }

  sealGaps(losses: readonly Loss[]): PutRequest {
    const sealed = losses.map((loss) => this.#sealer.sealGap(gapOf(loss, this.#options.now())));
    this.#own = [...new Set([...this.#own, ...sealed.map(({ epoch }) => epoch)])].slice(-2);
    return {
      epochs: this.#sealer.unconfirmedEpochs().map(({ bytes }) => bytes),
      batches: sealed.map(({ bytes }) => bytes),
    };
  }

  ownEpochs(): readonly string[] {
    return this.#own;
  }

  /** Epochs that are on disk need not be given again. */
  confirm(epochs: readonly EpochRecord[]): void {
    for (const { epoch } of epochs) {
      this.#sealer.confirmEpoch(epoch);
    }
  }
}

function gapOf(loss: Loss, at: number): BatchGap {
  const { class: name, store, from, to, reason, records } = loss;
  return { version: 1, store, class: name, from, to, reason, records, at };
}
