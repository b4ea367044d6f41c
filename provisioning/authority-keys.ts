import { createPrivateKey, type KeyObject } from "node:crypto";

import { WardError } from "../gateway/errors.ts";
import { softwareTlsKey } from "../gateway/identity/key-provider.ts";
import { newIssuerKey, type IssuerKey } from "./issuer-key.ts";
import { isLockedKey, lockKey, unlockKey } from "./passphrase-key.ts";
import { isTokenFile, TokenKey, type TokenPlace } from "./token.ts";
import { privatePem } from "./web-keys.ts";

/** Where an authority has its keys made. */
export interface AuthorityKeys {
  /** Makes one. `file` is what its file then says. Throws WardError `WARD_PASSPHRASE`, `WARD_TOKEN`. */
  create(label: string): { readonly key: IssuerKey; readonly file: string };
}

/** What opens an authority's keys. */
export interface AuthoritySecrets {
  readonly passphrase: string | null;
  /** Of the token, for keys that lie in one. */
  readonly pin?: string | null;
}

/** Keys in files under a passphrase; null leaves them in clear. */
export function lockedKeys(passphrase: string | null): AuthorityKeys {
  return {
    create: () => {
      const key = newIssuerKey();
      return { key, file: closedKey(createPrivateKey(key.pem), passphrase) };
    },
  };
}

/** Keys that are born in a token and stay there. */
export function tokenKeys(place: TokenPlace, pin: string): AuthorityKeys {
  return {
    create: (label) => {
      const key = TokenKey.create(place, { label, pin });
      return { key, file: key.file };
    },
  };
}

/** What a key's file says: the key under the passphrase, or in clear. Throws WardError `WARD_PASSPHRASE`. */
export function closedKey(key: KeyObject, passphrase: string | null): string {
  return passphrase === null ? privatePem(key) : lockKey(key, passphrase);
}

/** The key that a file holds. Throws WardError `WARD_PASSPHRASE`. */
export function openedKey(text: string, { passphrase }: AuthoritySecrets): KeyObject {
  if (!isLockedKey(text)) {
    return createPrivateKey(text);
  }
  if (passphrase === null) {
    throw new WardError(
      "WARD_PASSPHRASE",
      "Cannot open the authority's key without its passphrase. Give --passphrase-file or WARD_CA_PASSPHRASE.",
    );
  }
  return unlockKey(text, passphrase);
}

/** The key that a file holds or leads to. Throws WardError `WARD_PASSPHRASE`, `WARD_TOKEN`. */
export function openedIssuerKey(text: string, secrets: AuthoritySecrets): IssuerKey {
  if (!isTokenFile(text)) {
    return softwareTlsKey(openedKey(text, secrets));
  }
  if (typeof secrets.pin !== "string") {
    throw new WardError(
      "WARD_TOKEN",
      "Cannot use the authority's key without the PIN of its token. Give --pin-file or WARD_TOKEN_PIN.",
    );
  }
  return TokenKey.open(text, secrets.pin);
}
