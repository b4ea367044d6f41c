import { spawnSync } from "node:child_process";
import { createHash, createPublicKey, randomBytes, verify, type KeyObject } from "node:crypto";

import { errorCode, WardError } from "../gateway/errors.ts";
import type { IssuerKey } from "./issuer-key.ts";

/** A token as a PKCS #11 URI (RFC 7512) names it: which one, and through which module it is reached. */
export interface TokenPlace {
  readonly label: string;
  /** The module's file. */
  readonly module: string;
}

/** Reads `pkcs11:token=LABEL?module-path=FILE`. Throws WardError `WARD_TOKEN`. */
export function parseTokenUri(uri: string): TokenPlace {
  const parts = /^pkcs11:token=([^;?&]{1,96})\?module-path=(\/[^;?&]{1,400})$/.exec(uri);
  try {
    const label = decodeURIComponent(parts?.[1] ?? "");
    const module = decodeURIComponent(parts?.[2] ?? "");
    if (/^[\x20-\x7e]{1,32}$/.test(label) && module !== "") {
      return { label, module };
    }
  } catch {
    // A percent sign that stands for nothing.
  }
  throw new WardError(
    "WARD_TOKEN",
    "Cannot use the token: it must look like pkcs11:token=LABEL?module-path=/usr/lib/softhsm/libsofthsm2.so",
  );
}

/**
 * A key in a PKCS #11 token (a smart card, an HSM, a TPM), used through OpenSC's pkcs11-tool: it is born there, and what is
 * to be signed goes there. The PIN travels in that program's environment, never on its command line.
 */
export class TokenKey implements IssuerKey {
  readonly publicKey: KeyObject;
  readonly #place: TokenPlace;
  readonly #id: string;
  readonly #pin: string;

  private constructor(place: TokenPlace, o: { readonly id: string; readonly pin: string }) {
    this.#place = place;
    this.#id = o.id;
    this.#pin = o.pin;
    this.publicKey = this.#readPublic();
  }

  /** Makes a P-256 key with a label for people. Throws WardError `WARD_TOKEN`. */
  static create(place: TokenPlace, o: { readonly label: string; readonly pin: string }): TokenKey {
    const id = randomBytes(ID_BYTES).toString("hex");
    const kind = ["--keypairgen", "--key-type", "EC:prime256v1", "--usage-sign"];
    ask(place, o.pin, [...kind, "--label", o.label, "--id", id]);
    return new TokenKey(place, { id, pin: o.pin });
  }

  /** One that was made before. `text` is what its file says. Throws WardError `WARD_TOKEN`. */
  static open(text: string, pin: string): TokenKey {
    const found = TOKEN_FILE.exec(text);
    if (found?.[1] === undefined || found[2] === undefined) {
      throw new WardError("WARD_TOKEN", "Cannot use the token's key: its file is damaged.");
    }
    return new TokenKey(parseTokenUri(found[1]), { id: found[2], pin });
  }

  /** What is written down where the key would be otherwise. */
  get file(): string {
    const { label, module } = this.#place;
    const uri = `pkcs11:token=${encodeURIComponent(label)}?module-path=${encodeURI(module)}`;
    return `${JSON.stringify({ format: FORMAT, token: uri, id: this.#id })}\n`;
  }

  sign(data: Uint8Array): Uint8Array {
    const digest = createHash("sha256").update(data).digest();
    const signing = ["--sign", "--mechanism", "ECDSA", "--id", this.#id];
    const signature = ask(this.#place, this.#pin, signing, digest);
    const verifier = { key: this.publicKey, dsaEncoding: "ieee-p1363" } as const;
    if (!verify("sha256", data, verifier, signature)) {
      throw new WardError("WARD_TOKEN", "Cannot sign with the token: its answer is no signature.");
    }
    return signature;
  }

  #readPublic(): KeyObject {
    const reading = ["--read-object", "--type", "pubkey", "--id", this.#id];
    const der = ask(this.#place, this.#pin, reading);
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
      throw new WardError(
        "WARD_TOKEN",
        "Cannot use the token's key: it is not on the curve P-256.",
      );
    }
    return key;
  }
}

/** True when a text is what stands for a key in a token. */
export function isTokenFile(text: string): boolean {
  return TOKEN_FILE.test(text);
}

const FORMAT = "wardgate-token-key/1";
const TOKEN_FILE =
  /^\{"format":"wardgate-token-key\/1","token":"(pkcs11:[\x21\x23-\x5b\x5d-\x7e]{1,600})","id":"([0-9a-f]{32})"\}\n$/;
const ID_BYTES = 16;
/** A card takes its time. */
const ANSWER_MS = 60_000;

function ask(
  { label, module }: TokenPlace,
  pin: string,
  what: readonly string[],
  input: Uint8Array = new Uint8Array(),
): Buffer {
  const where = ["--module", module, "--token-label", label, "--login", "--pin", `env:${PIN}`];
  const done = spawnSync("pkcs11-tool", [...where, ...what], {
    input,
    env: { ...process.env, [PIN]: pin },
    timeout: ANSWER_MS,
    maxBuffer: 1_048_576,
  });
  if (done.status === 0) {
    return done.stdout;
  }
  const isMissing = done.error !== undefined && errorCode(done.error) === "ENOENT";
  const said = isMissing
    ? "the program pkcs11-tool is missing. Install opensc"
    : (/^(?:error: .*|No slot.*|.*not found.*)$/m.exec(done.stderr.toString("latin1"))?.[0] ??
      "it does not answer");
  throw new WardError(
    "WARD_TOKEN",
    `Cannot use token ${label}: ${said.slice(0, SAID_MAX)}. Is it there, and is the PIN right?`,
  );
}

const PIN = "WARDGATE_PIN";
const SAID_MAX = 200;
