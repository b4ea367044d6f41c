import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { errorCode, errorText, WardError } from "../gateway/errors.ts";
import { commonName } from "../gateway/identity/identity.ts";
import { recipientKid } from "../gateway/sealing/recipient-kid.ts";
import { HUB_FILES } from "../gateway/identity/site-files.ts";

/** What a hub is, whom it believes and what it can open. */
export interface HubIdentity {
  /** The certificate's CN, `hub-...`. */
  readonly id: string;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  /** Vouches for the broker, PEM. */
  readonly serversRoot: string;
  readonly serversCrl: string | undefined;
  /** Vouches for gateways. */
  readonly gatewaysRoot: X509Certificate;
  readonly gatewaysCrl: string | undefined;
  /** P-256: epochs are wrapped for it. */
  readonly recipientKey: KeyObject;
  /** Our name among the recipients in the gateways' signed settings. */
  readonly kid: string;
  /** Ed25519: signs receipts. */
  readonly receiptKey: KeyObject;
}

/** Reads a hub directory's identity. @throws WardError `WARD_HUB_IDENTITY` naming what is missing or wrong */
export async function readHubIdentity(directory: string): Promise<HubIdentity> {
  const read = async (file: string): Promise<string> => await readPart(join(directory, file));
  const recipientKey = privateKey(await read(HUB_FILES.recipientKey), HUB_FILES.recipientKey);
  const receiptKey = privateKey(await read(HUB_FILES.receiptKey), HUB_FILES.receiptKey);
  if (recipientKey.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw unusable(HUB_FILES.recipientKey, "it is not a P-256 key");
  }
  if (receiptKey.asymmetricKeyType !== "ed25519") {
    throw unusable(HUB_FILES.receiptKey, "it is not an Ed25519 key");
  }
  const certificate = await read(HUB_FILES.certificate);
  return {
    id: commonName(certificateOf(certificate, HUB_FILES.certificate)),
    certificate,
    key: await read(HUB_FILES.key),
    serversRoot: await read(HUB_FILES.serversRoot),
    serversCrl: await readOptional(join(directory, HUB_FILES.serversCrl)),
    gatewaysRoot: certificateOf(await read(HUB_FILES.gatewaysRoot), HUB_FILES.gatewaysRoot),
    gatewaysCrl: await readOptional(join(directory, HUB_FILES.gatewaysCrl)),
    recipientKey,
    kid: recipientKid(recipientKey),
    receiptKey,
  };
}

async function readPart(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw unusable(path, errorText(error), { cause: error });
  }
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return undefined;
    }
    throw unusable(path, errorText(error), { cause: error });
  }
}

function privateKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw unusable(file, "it is no private key in PEM", { cause: error });
  }
}

function certificateOf(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw unusable(file, "it is no certificate in PEM", { cause: error });
  }
}

function unusable(file: string, why: string, options?: ErrorOptions): WardError {
  return new WardError(
    "WARD_HUB_IDENTITY",
    `Cannot use ${file} of the hub's identity: ${why}. Provision the hub directory again.`,
    options,
  );
}
