import { createHash, createPublicKey } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { errorCode, WardError } from "../errors.ts";
import { type SignedSettings, verifySettings } from "../identity/signed-settings.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";
import type { KeeperToGuard } from "./message.ts";

/** Signed settings whose signature this process has checked itself. */
export interface VerifiedSettings {
  readonly settings: SignedSettings;
  /** SHA-256 of their bytes, hex. */
  readonly sha256: string;
}

/**
 * The settings that the guard goes by, kept where only it can write. The first ones that it is brought say whose signature counts and
 * which gateway this is; from then on nobody brings it rules of another signer or gateway, or older ones, not even a
 * gateway that somebody has taken over.
 */
export class KeptSettings {
  readonly #file: string;
  #kept: { readonly signer: string; readonly verified: VerifiedSettings } | null = null;

  private constructor(directory: string) {
    this.#file = join(directory, "settings.json");
  }

  /** Reads what was kept. Throws WardError `WARD_GUARD_KEPT` when it cannot be used. */
  static open(directory: string): KeptSettings {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const kept = new KeptSettings(directory);
    let text: string;
    try {
      text = readFileSync(kept.#file, "utf8");
    } catch (error) {
      if (errorCode(error) === "ENOENT") {
        return kept;
      }
      throw error;
    }
    try {
      const value: unknown = JSON.parse(text);
      const signer: unknown = Reflect.get(Object(value), "signer");
      const site: unknown = Reflect.get(Object(value), "site");
      const offer = { signer: String(signer), site: String(site) };
      kept.#kept = { signer: offer.signer, verified: verify(offer) };
      return kept;
    } catch (error) {
      throw new WardError(
        "WARD_GUARD_KEPT",
        `Cannot use ${kept.#file}: it is damaged. Remove it: the guard takes the signed settings of the gateway anew.`,
        { cause: error },
      );
    }
  }

  /** What counts now, or null before the first. */
  get current(): VerifiedSettings | null {
    return this.#kept?.verified ?? null;
  }

  /**
   * Takes what the keeper brings; true when it is new. Throws WardError `WARD_SITE` (not signed as it must be) or `WARD_GUARD_SIGNER` (another
   * signer or gateway, or older settings); then what counted goes on to count.
   */
  take(offer: Pick<Extract<KeeperToGuard, { t: "settings" }>, "signer" | "site">): boolean {
    const before = this.#kept;
    if (before !== null && before.signer !== offer.signer) {
      throw refused("they are signed by another key than those before");
    }
    const verified = verify(offer);
    if (before?.verified.sha256 === verified.sha256) {
      return false;
    }
    if (before !== null) {
      const { gateway, issuedAt } = before.verified.settings;
      if (verified.settings.gateway !== gateway) {
        throw refused(`they are those of gateway ${verified.settings.gateway}`);
      }
      if (verified.settings.issuedAt < issuedAt) {
        throw refused("they are older than those in force");
      }
    }
    const { signer, site } = offer;
    replaceDurably(this.#file, Buffer.from(`${JSON.stringify({ signer, site })}\n`));
    this.#kept = { signer, verified };
    return true;
  }
}

function verify({ signer, site }: { signer: string; site: string }): VerifiedSettings {
  const bytes = Buffer.from(site, "base64");
  const key = createPublicKey({ key: Buffer.from(signer, "base64"), format: "der", type: "spki" });
  const settings = verifySettings(bytes, key);
  return { settings, sha256: createHash("sha256").update(bytes).digest("hex") };
}

function refused(why: string): WardError {
  return new WardError(
    "WARD_GUARD_SIGNER",
    `Cannot take these signed settings for the guard: ${why}. If this is right, empty the guard's own directory.`,
  );
}
