import { createPublicKey, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { type WardBeds, wardsProblem } from "../access/wards.ts";
import { errorText, WardError } from "../errors.ts";
import { parseLineUrl } from "../lines/line-url.ts";
import { isGatewayId } from "../reading.ts";
import type { RecipientKey } from "../rooms.ts";
import { integerOf, malformed, mapOf } from "../sealing/cbor.ts";
import {
  HEADER_ALG,
  HEADER_CONTENT_TYPE,
  makeSign1,
  readSign1,
  verifySign1,
} from "../sealing/cose.ts";
import { CONTEXT } from "../sealing/envelope.ts";
import { networkProblem, type NetworkRules } from "./network-rules.ts";
import { recipientProblem, RECIPIENTS_MAX } from "../sealing/wrap.ts";

/**
 * What decides whom data is sealed to, which lines may be opened and which flows run. It comes as one file, `site.cose`: a
 * COSE_Sign1 by the site's settings key over JSON text.
 */
export interface SignedSettings {
  readonly version: 1;
  readonly gateway: string;
  /** Epoch milliseconds. */
  readonly issuedAt: number;
  /** True on a bench gateway: the editor may deploy flows. */
  readonly authoring: boolean;
  /** Whom batches are sealed to, 1-16. */
  readonly recipients: readonly RecipientKey[];
  /** The hub's receipt key, Ed25519, SubjectPublicKeyInfo in base64. */
  readonly receiptKey: string;
  readonly broker: {
    /** `mqtts://host:port`. */
    readonly url: string;
    /** The name that the broker's certificate must have. */
    readonly serverName: string;
  };
  /**
   * Whose word deletes a record from the outbox: the hub's receipt (default), or also the broker's acknowledgement, for a
   * site whose broker hands on to something that sends no receipts. Signed, because it decides what may be lost.
   */
  readonly deleteOn?: "hub" | "broker";
  /** Line URLs that may be opened, compared without their query. */
  readonly lines: readonly string[];
  /** Certificates of OPC-UA servers to trust, PEM. */
  readonly opcuaTrust: readonly string[];
  /**
   * Set where flows, recipients and policy come in signed bundles only (gateway/bundles): then the flows here never run, and
   * the recipients and `deleteOn` here only count until there is a bundle.
   */
  readonly bundles?: {
    /** Whose bundles are for this gateway, `[a-z0-9-]{1,32}`. */
    readonly channel: string;
    /** Where they are published, `https://...`; missing where they are only carried here. */
    readonly url?: string;
  };
  /** Who may talk to whom, for a box with the guard (gateway/guard). Missing: the guard has nothing to say there. */
  readonly network?: NetworkRules;
  /** Which beds belong to which ward, for who may see only theirs (gateway/access). Missing: all beds are one ward. */
  readonly wards?: readonly WardBeds[];
  /** The Node-RED flow. */
  readonly flows: readonly Readonly<Record<string, unknown>>[];
}

/** Signs settings with the site's Ed25519 settings key. Throws WardError `WARD_SITE` that lists every problem. */
export function signSettings(settings: SignedSettings, key: KeyObject): Uint8Array {
  const text = JSON.stringify(settings);
  parseSettings(text);
  return makeSign1({
    headers: new Map([[HEADER_CONTENT_TYPE, CONTENT_JSON]]),
    payload: new TextEncoder().encode(text),
    key,
    context: CONTEXT.settings,
  });
}

/**
 * Reads signed settings. Nothing is looked at before the signature is good. Throws WardError `WARD_SITE`: the signature
 * is not by `key`, or every problem that the settings have.
 */
export function verifySettings(bytes: Uint8Array, key: KeyObject): SignedSettings {
  return parseSettings(verifiedText(bytes, key));
}

/** Checks settings that are not signed yet: one short sentence per problem, none when all is well. */
export function settingsProblems(value: unknown): string[] {
  if (!isRecord(value)) {
    return ["the settings are not a JSON object"];
  }
  const problems = Object.entries(FIELDS)
    .map(([name, problemOf]) =>
      sentence(name, name in value ? problemOf(value[name]) : missingProblem(name)),
    )
    .filter((problem) => problem !== null);
  for (const name of Object.keys(value)) {
    if (!Object.hasOwn(FIELDS, name)) {
      problems.push(`${name.slice(0, NAME_SHOWN)} is not a setting of this version`);
    }
  }
  return problems;
}

function parseSettings(text: string): SignedSettings {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unusable([`the text is not JSON (${errorText(error)})`], { cause: error });
  }
  const problems = settingsProblems(value);
  if (!isSettings(value, problems)) {
    throw unusable(problems);
  }
  return value;
}

/** The guard is as good as FIELDS: a field that is not in there would not be checked. */
function isSettings(value: unknown, problems: readonly string[]): value is SignedSettings {
  return isRecord(value) && problems.length === 0;
}

function verifiedText(bytes: Uint8Array, key: KeyObject): string {
  try {
    const parts = readSign1(bytes);
    mapOf(parts.headers, [HEADER_ALG, HEADER_CONTENT_TYPE], "settings header");
    mapOf(parts.unprotected, [], "unprotected header");
    const type = parts.headers.get(HEADER_CONTENT_TYPE);
    integerOf(type, "content type", CONTENT_JSON, CONTENT_JSON);
    if (key.asymmetricKeyType !== "ed25519" || !verifySign1(parts, key, CONTEXT.settings)) {
      throw malformed("the signature is not by the settings key of this gateway");
    }
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(parts.payload);
  } catch (error) {
    throw unusable([errorText(error)], { cause: error });
  }
}

/** Settings that came later may be missing: files that were signed before go on to count. */
function missingProblem(name: string): string | null {
  return OPTIONAL.has(name) ? null : "is missing";
}

const OPTIONAL: ReadonlySet<string> = new Set(["deleteOn", "bundles", "network", "wards"]);

type Check = (value: unknown) => string | null;

/** One check per field of SignedSettings: null when it is right, else the rest of a sentence. */
const FIELDS: Readonly<Record<keyof SignedSettings, Check>> = {
  version: (value) => (value === 1 ? null : "is not 1"),
  gateway: (value) =>
    typeof value === "string" && isGatewayId(value) ? null : "does not match [a-z0-9-]{3,64}",
  issuedAt: (value) =>
    Number.isSafeInteger(value) && Number(value) >= 0 ? null : "is not a time in milliseconds",
  authoring: (value) => (typeof value === "boolean" ? null : "is not true or false"),
  recipients: (value) => recipientsProblem(value),
  receiptKey: (value) => receiptKeyProblem(value),
  broker: (value) => brokerProblem(value),
  deleteOn: (value) =>
    value === "hub" || value === "broker" ? null : 'is neither "hub" nor "broker"',
  lines: (value) => listProblem(value, LINES_MAX, isLine, "a line URL of up to 512 characters"),
  opcuaTrust: (value) => listProblem(value, TRUST_MAX, isCertificate, "a certificate in PEM"),
  bundles: (value) => bundlesProblem(value),
  network: (value) => networkProblem(value),
  wards: (value) => wardsProblem(value),
  flows: (value) => listProblem(value, FLOW_NODES_MAX, isRecord, "an object"),
};

function recipientsProblem(value: unknown): string | null {
  if (!Array.isArray(value) || value.length < 1 || value.length > RECIPIENTS_MAX) {
    return `is not a list of 1 to ${RECIPIENTS_MAX}`;
  }
  const entries: readonly unknown[] = value;
  const kids = new Set<string>();
  for (const [place, entry] of entries.entries()) {
    if (!isRecipient(entry)) {
      return `[${place}] is not {kid, spki}`;
    }
    const problem = recipientProblem(entry);
    if (problem !== null) {
      return `[${place}]: ${problem}`;
    }
    kids.add(entry.kid);
  }
  return kids.size === entries.length ? null : "names a kid twice";
}

function isRecipient(value: unknown): value is RecipientKey {
  return (
    isRecord(value) &&
    Object.keys(value).length === 2 &&
    typeof value["kid"] === "string" &&
    typeof value["spki"] === "string"
  );
}

function receiptKeyProblem(value: unknown): string | null {
  if (typeof value !== "string") {
    return "is not base64";
  }
  try {
    const der = Buffer.from(value, "base64");
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    return key.asymmetricKeyType === "ed25519" ? null : "is not an Ed25519 key";
  } catch {
    return "is not a public key in base64 DER";
  }
}

function brokerProblem(value: unknown): string | null {
  if (!isRecord(value) || typeof value["url"] !== "string") {
    return "is not {url, serverName}";
  }
  const url = URL.canParse(value["url"]) ? new URL(value["url"]) : null;
  if (url === null || url.protocol !== "mqtts:" || url.hostname === "" || url.port === "") {
    return "has a url that is not mqtts://host:port";
  }
  const name = value["serverName"];
  return typeof name === "string" && SERVER_NAME.test(name) ? null : "has no usable serverName";
}

function bundlesProblem(value: unknown): string | null {
  if (!isRecord(value) || Object.keys(value).some((name) => name !== "channel" && name !== "url")) {
    return "is not {channel, url}";
  }
  const { channel, url } = value;
  if (typeof channel !== "string" || !CHANNEL.test(channel)) {
    return "has a channel that does not match [a-z0-9-]{1,32}";
  }
  const isUrl = typeof url === "string" && URL.canParse(url) && url.startsWith("https://");
  return url === undefined || isUrl ? null : "has a url that is not https://...";
}

function listProblem(
  value: unknown,
  maximum: number,
  isRight: (entry: unknown) => boolean,
  what: string,
): string | null {
  if (!Array.isArray(value) || value.length > maximum) {
    return `is not a list of up to ${maximum}`;
  }
  const wrong = value.findIndex((entry: unknown) => !isRight(entry));
  return wrong < 0 ? null : `[${wrong}] is not ${what}`;
}

function isLine(value: unknown): boolean {
  if (typeof value !== "string" || value.length > LINE_LENGTH_MAX) {
    return false;
  }
  try {
    parseLineUrl(value);
    return true;
  } catch {
    return false;
  }
}

function isCertificate(value: unknown): boolean {
  if (typeof value !== "string" || value.length > CERTIFICATE_LENGTH_MAX) {
    return false;
  }
  try {
    return new X509Certificate(value).raw.length > 0;
  } catch {
    return false;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sentence(name: string, problem: string | null): string | null {
  if (problem === null) {
    return null;
  }
  return problem.startsWith("[") ? `${name}${problem}` : `${name} ${problem}`;
}

function unusable(problems: readonly string[], options?: ErrorOptions): WardError {
  return new WardError(
    "WARD_SITE",
    `Cannot use signed settings: ${problems.join("; ")}. Have them signed again for this gateway.`,
    options,
  );
}

/** CoAP content format of application/json (RFC 7252 §12.3). */
const CONTENT_JSON = 50;
const LINES_MAX = 1024;
const LINE_LENGTH_MAX = 512;
const TRUST_MAX = 64;
const CERTIFICATE_LENGTH_MAX = 16_384;
const FLOW_NODES_MAX = 10_000;
const SERVER_NAME = /^[A-Za-z0-9.:-]{1,253}$/;
const NAME_SHOWN = 40;
const CHANNEL = /^[a-z0-9-]{1,32}$/;
