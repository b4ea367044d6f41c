import { createPublicKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import type { ClaimFile } from "../../gateway/enrolment/claim-file.ts";
import { errorText, WardError } from "../../gateway/errors.ts";
import { verifySettings } from "../../gateway/identity/signed-settings.ts";
import { lineKey } from "../../gateway/lines/line-url.ts";
import type { Authority } from "../authority.ts";
import { makeClaim } from "../claims.ts";
import { type IssuedRecord, readIssued, revokeWanted } from "../issued.ts";
import type { InventoryGateway } from "./inventory.ts";

/** How the authority stands to gateways. */
export interface Certified {
  /** End of the last certificate that counts (epoch milliseconds). */
  readonly ends: ReadonlyMap<string, number>;
  /** Gateways that had certificates, all of them revoked. */
  readonly revoked: ReadonlySet<string>;
}

/** What the authority has issued to gateways and still stands to. */
export async function certifiedGateways({ directory }: Authority, now: number): Promise<Certified> {
  const gateways = Map.groupBy(await readIssued(directory, "gateways"), ({ name }) => name);
  const standing = [...gateways].map(([name, records]) => ({
    name,
    good: records.filter(({ revokedAt }) => revokedAt === null),
  }));
  return {
    revoked: new Set(standing.filter(({ good }) => good.length === 0).map(({ name }) => name)),
    ends: new Map(
      standing
        .map(
          ({ name, good }) => [name, Math.max(0, ...good.map(({ notAfter }) => notAfter))] as const,
        )
        .filter(([, end]) => end > now),
    ),
  };
}

/** The text of a new claim: one gateway, one use, `validMs` long. */
export async function claimText(
  authority: Authority,
  o: { readonly gateway: string; readonly server: string; readonly validMs: number },
): Promise<string> {
  const file: ClaimFile = {
    ...(await makeClaim(authority.directory, o.gateway, o.validMs)),
    server: o.server,
    serversRoot: authority.roots.servers,
    settingsSigner: authority.settingsSignerPublic,
  };
  return JSON.stringify(file);
}

/**
 * Reads a gateway's signed settings and checks that they are by this authority, for this gateway, and allow every line that the
 * inventory has devices on. Returns them in base64. Throws WardError `WARD_INVENTORY`.
 */
export async function readSite(
  authority: Authority,
  { id, site, devices }: InventoryGateway,
  folder: string,
): Promise<string | null> {
  if (site === null) {
    return null;
  }
  const path = resolve(folder, site);
  const refuse = (why: string): WardError =>
    new WardError("WARD_INVENTORY", `Cannot use the settings of ${id}, ${path}: ${why}.`);
  const bytes = await readFile(path).catch((error: unknown) => {
    throw refuse(`${errorText(error)}. Sign some with: wardgate ca settings`);
  });
  const settings = verifySettings(bytes, createPublicKey(authority.settingsSignerPublic));
  if (settings.gateway !== id) {
    throw refuse(`they are ${settings.gateway}'s`);
  }
  const allowed = new Set(settings.lines.map((line) => lineKey(line)));
  const missing = devices.filter(({ line }) => !allowed.has(lineKey(line)));
  if (missing.length > 0) {
    const names = missing.map(({ id: device, line }) => `${device} on ${lineKey(line)}`).join(", ");
    throw refuse(`they do not allow ${names}. Sign them again with these lines`);
  }
  const text = bytes.toString("base64");
  if (text.length > VARIABLE_MAX) {
    throw refuse("they are too large for a variable. Let the flows come in bundles");
  }
  return text;
}

/** Linux gives a program no variable of 128 KiB or more. */
const VARIABLE_MAX = 120_000;

/** Revokes every certificate of a gateway and makes its claim worthless. Returns how many certificates that were. */
export async function revokeGateway(
  { directory }: Authority,
  gateway: string,
  why: string,
): Promise<number> {
  const wanted = ({ name, revokedAt }: IssuedRecord): boolean =>
    name === gateway && revokedAt === null;
  const revoked = await revokeWanted(directory, { kinds: ["gateways"], wanted, why });
  // A gateway has one claim at a time: this one ends at once and takes the other's place.
  await makeClaim(directory, gateway, 0);
  return revoked.length;
}
