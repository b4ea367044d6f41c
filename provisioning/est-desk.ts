import { X509Certificate } from "node:crypto";

import { writeCertificatesOnly } from "../gateway/enrolment/certificates-only.ts";
import { readSigningRequest, type SigningRequest } from "../gateway/enrolment/csr.ts";
import { LISTS_PATH } from "../gateway/enrolment/est-client.ts";
import { errorText } from "../gateway/errors.ts";
import { isGatewayId } from "../gateway/reading.ts";
import type { Authority } from "./authority.ts";
import { certifyGateway, validFor, type RootKind } from "./ca.ts";
import { burnClaim } from "./claims.ts";
import {
  readIssued,
  recordIssued,
  revokeIssued,
  type IssuedBy,
  type IssuedRecord,
} from "./issued.ts";
import { ListShelf } from "./list-shelf.ts";
import { checkPeer, type PeerAnswer } from "./peer-check.ts";
import { RequestLimit } from "./request-limit.ts";

/** A request as the HTTPS server hands it on, its body already bounded. */
export interface EstRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** The certificate that the client has shown in TLS, if any. */
  readonly peer: X509Certificate | null;
}

/** What is answered, and what is worth telling the one who runs the server. */
export interface EstAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly event: EstEvent | null;
}

export interface EstEvent {
  readonly event: "enrolled" | "renewed" | "refused";
  /** As far as it is known; of a refused one it may be a lie. */
  readonly gateway: string;
  readonly text: string;
}

export interface EstDeskOptions {
  readonly authority: Authority;
  /** How long a gateway's certificate lives (days). */
  readonly days: number;
  /** How long after its end it may still be renewed (days). */
  readonly graceDays: number;
  /** How long the revocation lists count that are given out (days). */
  readonly listDays: number;
}

/**
 * Answers the requests of EST (RFC 7030): `cacerts`, `simpleenroll` against a claim (HTTP Basic: gateway id and token), and
 * `simplereenroll` against the certificate that is to be renewed. The name in a certificate is that of the claim or of the
 * certificate before, never one that the request asks for. Beside EST it gives out the revocation lists, PEM.
 */
export class EstDesk {
  readonly #options: EstDeskOptions;
  readonly #lists: ListShelf;
  readonly #renewals = new RequestLimit(RENEWALS);

  constructor(options: EstDeskOptions) {
    this.#options = options;
    this.#lists = new ListShelf(options.authority, options.listDays);
  }

  async answer(request: EstRequest): Promise<EstAnswer> {
    const act = Object.hasOwn(OPERATIONS, request.path) ? OPERATIONS[request.path] : undefined;
    if (act === undefined) {
      return plain(404, "There is nothing here.");
    }
    const method = act === "simpleenroll" || act === "simplereenroll" ? "POST" : "GET";
    if (request.method !== method) {
      return { ...plain(405, `Use ${method}.`), headers: { ...TEXT, Allow: method } };
    }
    switch (act) {
      case "cacerts":
        return this.#certificates();
      case "simpleenroll":
        return this.#enroll(request);
      case "simplereenroll":
        return this.#renew(request);
      case "gateways":
      case "servers":
        return { status: 200, headers: TEXT, body: (await this.#lists.fresh())[act], event: null };
    }
  }

  #certificates(): EstAnswer {
    const { authority } = this.#options;
    const issuing = authority.certificates("gateways");
    return carrying([...issuing, authority.roots.gateways], null);
  }

  async #enroll(request: EstRequest): Promise<EstAnswer> {
    const login = loginIn(request.headers["authorization"]);
    if (login === null) {
      return unauthorised("", "no gateway id and token were given");
    }
    const { gateway, token } = login;
    const asked = askedIn(request, gateway);
    if ("status" in asked) {
      return asked;
    }
    const { directory } = this.#options.authority;
    const { publicKey } = asked;
    const claim = await burnClaim(directory, { gateway, token, publicKey });
    if (claim === "again") {
      const made = await this.#madeFor(gateway, asked);
      if (made !== null) {
        const event = {
          event: "enrolled",
          gateway,
          text: "asked again with the same key",
        } as const;
        return carrying([made], event);
      }
    } else if (claim !== "good") {
      return unauthorised(gateway, `the claim is ${claim}`);
    }
    return (await this.#certify(gateway, asked, "claim")).answer;
  }

  async #renew(request: EstRequest): Promise<EstAnswer> {
    const { authority, graceDays } = this.#options;
    if (request.peer === null) {
      return unauthorised("", "no certificate was shown");
    }
    const shown = request.peer;
    const judge = (): Promise<PeerAnswer> =>
      checkPeer(shown, {
        directory: authority.directory,
        issuing: authority.certificates("gateways"),
        graceMs: graceDays * DAY_MS,
      });
    const peer = await judge();
    if ("refused" in peer) {
      return notCounting(shown, peer.refused);
    }
    const { gateway } = peer;
    const asked = askedIn(request, gateway);
    if ("status" in asked) {
      return asked;
    }
    if (this.#renewals.isOver(gateway)) {
      const { headers, ...later } = refused(429, gateway, "Too many renewals.");
      return { ...later, headers: { ...headers, "Retry-After": String(RENEWAL_RETRY_S) } };
    }
    this.#renewals.add(gateway);
    const { record, answer } = await this.#certify(gateway, asked, "renewal");
    // Revoked while this was made: then what was made must not outlive it.
    const still = await judge();
    if ("refused" in still) {
      await revokeIssued(authority.directory, record, "revoked while it was renewed");
      return notCounting(shown, still.refused);
    }
    return answer;
  }

  async #certify(
    gateway: string,
    asked: SigningRequest,
    by: IssuedBy,
  ): Promise<{ readonly record: IssuedRecord; readonly answer: EstAnswer }> {
    const { authority, days } = this.#options;
    const { publicKey } = asked;
    const chain = await certifyGateway(authority.gateways, gateway, publicKey, validFor(days));
    const record = await recordIssued(authority.directory, {
      kind: "gateways",
      by,
      certificate: chain,
    });
    const text = `valid until ${new Date(record.notAfter).toISOString()}`;
    const event = by === "claim" ? "enrolled" : "renewed";
    return { record, answer: carrying([record.certificate], { event, gateway, text }) };
  }

  /** What the claim has already given to this key: an answer that was lost is given again. */
  async #madeFor(gateway: string, asked: SigningRequest): Promise<string | null> {
    const issued = await readIssued(this.#options.authority.directory, "gateways");
    const mine = issued.findLast(
      ({ name, by, certificate, revokedAt }) =>
        name === gateway &&
        by === "claim" &&
        revokedAt === null &&
        new X509Certificate(certificate).publicKey.equals(asked.publicKey),
    );
    return mine?.certificate ?? null;
  }
}

const DAY_MS = 86_400_000;
/**
 * A gateway needs one in weeks, and a few more when answers are lost. Each is a file here: whoever has a gateway's key must
 * not fill the disk with them.
 */
const RENEWALS = { count: 10, forgiveMs: 3_600_000 } as const;
const RENEWAL_RETRY_S = 3600;
const TEXT = { "Content-Type": "text/plain; charset=utf-8" } as const;
const OPERATIONS: Readonly<
  Record<string, "cacerts" | "simpleenroll" | "simplereenroll" | RootKind>
> = {
  "/.well-known/est/cacerts": "cacerts",
  "/.well-known/est/simpleenroll": "simpleenroll",
  "/.well-known/est/simplereenroll": "simplereenroll",
  [`${LISTS_PATH}gateways.crl.pem`]: "gateways",
  [`${LISTS_PATH}servers.crl.pem`]: "servers",
};
const TOKEN = /^[\x21-\x7e]{1,200}$/;

/** HTTP Basic (RFC 7617): the gateway's id and its token. */
function loginIn(
  header: string | string[] | undefined,
): { readonly gateway: string; readonly token: string } | null {
  const encoded = /^Basic ([A-Za-z0-9+/]{1,400}={0,2})$/i.exec(String(header ?? ""))?.[1];
  const [gateway = "", ...token] = Buffer.from(encoded ?? "", "base64")
    .toString()
    .split(":");
  const isUsable = isGatewayId(gateway) && TOKEN.test(token.join(":"));
  return isUsable ? { gateway, token: token.join(":") } : null;
}

/** The signing request in the body, for nobody but this gateway; or why not. */
function askedIn(request: EstRequest, gateway: string): SigningRequest | EstAnswer {
  const type = String(request.headers["content-type"] ?? "").split(";")[0];
  if (type?.trim().toLowerCase() !== "application/pkcs10") {
    return refused(415, gateway, "Send application/pkcs10.");
  }
  const body = request.body.replaceAll(/\s/g, "");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(body)) {
    return refused(400, gateway, "Cannot read the request: it is not base64.");
  }
  try {
    const asked = readSigningRequest(Buffer.from(body, "base64"));
    return asked.commonName === null || asked.commonName === gateway
      ? asked
      : refused(400, gateway, `Cannot use the signing request: it is not for ${gateway}.`);
  } catch (error) {
    return refused(400, gateway, errorText(error));
  }
}

function carrying(certificates: readonly string[], event: EstEvent | null): EstAnswer {
  const message = writeCertificatesOnly(certificates.map((pem) => new X509Certificate(pem)));
  const lines = Buffer.from(message).toString("base64").replaceAll(/.{64}/g, "$&\n");
  return {
    status: 200,
    headers: {
      "Content-Type": "application/pkcs7-mime; smime-type=certs-only",
      "Content-Transfer-Encoding": "base64",
    },
    body: `${lines}\n`,
    event,
  };
}

/** Who fails to prove who it is learns nothing more: whether there is such a claim is not for strangers. */
function unauthorised(gateway: string, why: string): EstAnswer {
  return {
    status: 401,
    headers: { ...TEXT, "WWW-Authenticate": 'Basic realm="wardgate claim"' },
    body: "Give the gateway's id and a claim token that is good.\n",
    event: { event: "refused", gateway, text: why },
  };
}

function notCounting(shown: X509Certificate, why: string): EstAnswer {
  const name = /^CN=([a-z0-9-]{3,64})$/.exec(shown.subject)?.[1] ?? "";
  return refused(403, name, `Your certificate does not count: ${why}.`);
}

function refused(status: number, gateway: string, text: string): EstAnswer {
  return { ...plain(status, text), event: { event: "refused", gateway, text } };
}

function plain(status: number, text: string): EstAnswer {
  return { status, headers: TEXT, body: `${text}\n`, event: null };
}
