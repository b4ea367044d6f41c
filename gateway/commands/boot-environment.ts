import { createHash, createPublicKey } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { parseClaim } from "../enrolment/claim-file.ts";
import { enrol } from "../enrolment/enrol.ts";
import { errorText, WardError } from "../errors.ts";
import { noteLocally } from "./journal-note.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";
import type { KeyWish } from "../identity/settle-keys.ts";
import { verifySettings } from "../identity/signed-settings.ts";
import { GATEWAY_FILES } from "../identity/site-files.ts";

/**
 * Puts down what the variables of a gateway bring: identity, signed settings, root for bundles. Returns what it did and what
 * it would not take, in words. `keys` says where new keys are made. What is missing for a gateway to run at all throws, as the parts do.
 */
export async function takeEnvironment(
  data: string,
  environment: Readonly<Record<string, string | undefined>>,
  keys: KeyWish,
): Promise<string[]> {
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const said = await takeClaim(data, environment["WARD_CLAIM"] ?? "", keys);
  return [
    ...said,
    ...takeSettings(data, environment["WARD_SITE"] ?? ""),
    ...takeBundleRoot(data, environment["WARD_BUNDLE_ROOT"] ?? ""),
  ];
}

/** The hash of the last claim that was used, so that the same variable is used once. */
const CLAIM_USED = "identity/claim.used";

async function takeClaim(data: string, text: string, keys: KeyWish): Promise<string[]> {
  const path = join(data, CLAIM_USED);
  const isEnrolled = existsSync(join(data, GATEWAY_FILES.certificate));
  if (text === "") {
    return [];
  }
  try {
    const claim = parseClaim(text);
    const hash = createHash("sha256").update(claim.token).digest("hex");
    if (isEnrolled && existsSync(path) && readFileSync(path, "utf8") === hash) {
      return [];
    }
    const { server, serversRoot, settingsSigner } = claim;
    if (server === undefined || serversRoot === undefined || settingsSigner === undefined) {
      throw new WardError(
        "WARD_CLAIM",
        "Cannot use the claim: it names no server, or not whom to believe.",
      );
    }
    // With nobody there to help, a journal that cannot be written must not keep a gateway from its identity.
    const asked = { kind: "enrolment-asked", outcome: "accepted", what: {} } as const;
    const unwritten = await noteLocally(data, asked).then(
      () => [],
      (error: unknown) => [errorText(error)],
    );
    await enrol({
      dataDirectory: data,
      claim,
      server,
      estCa: serversRoot,
      serversRoot,
      settingsSigner,
      keys,
    });
    replaceDurably(path, Buffer.from(hash));
    return [...unwritten, `${claim.gateway} is enrolled.`];
  } catch (error) {
    if (!isEnrolled) {
      throw error;
    }
    return [`The gateway keeps the identity it has: ${errorText(error)}`];
  }
}

function takeSettings(data: string, text: string): string[] {
  const path = join(data, GATEWAY_FILES.settings);
  if (text === "") {
    return [];
  }
  try {
    const signer = createPublicKey(readFileSync(join(data, GATEWAY_FILES.settingsSigner)));
    const offered = Buffer.from(text, "base64");
    const { issuedAt } = verifySettings(offered, signer);
    const before = existsSync(path) ? verifySettings(readFileSync(path), signer).issuedAt : null;
    if (issuedAt === before) {
      return [];
    }
    // Whoever may set variables must not bring back settings that were good once.
    if (before !== null && issuedAt < before) {
      throw new WardError(
        "WARD_SITE",
        "Cannot use signed settings that are older than those in force.",
      );
    }
    replaceDurably(path, offered);
    return [`The signed settings of ${new Date(issuedAt).toISOString()} are in force.`];
  } catch (error) {
    if (!existsSync(path)) {
      throw error;
    }
    return [`The signed settings stay as they are: ${errorText(error)}`];
  }
}

function takeBundleRoot(data: string, text: string): string[] {
  const path = join(data, GATEWAY_FILES.bundleRoot);
  if (text !== "" && !existsSync(path)) {
    replaceDurably(path, Buffer.from(text, "base64"));
    return ["The root for bundles is put down."];
  }
  return [];
}
