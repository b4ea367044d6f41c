import type { X509Certificate } from "node:crypto";
import { request, type RequestOptions } from "node:https";
import { isIP } from "node:net";
import { connect, createSecureContext, type TLSSocket } from "node:tls";

import { errorCode, errorText, WardError } from "../errors.ts";
import { releaseContext } from "../tls-context.ts";
import { readCertificatesOnly } from "./certificates-only.ts";

export interface EstServerAddress {
  /** `https://host:port`, or with a path for a server that has several authorities (RFC 7030 section 3.2.2). */
  readonly url: string;
  /** The root or roots that may vouch for the server, PEM: only these. */
  readonly ca: string;
}

/** How a gateway shows who it is: with a claim, or with the certificate it has. */
export type EstLogin =
  | { readonly gateway: string; readonly token: string }
  | { readonly cert: string; readonly key: string };

/** A client of EST (RFC 7030). One request, one connection. */
export class EstClient {
  readonly #base: URL;
  readonly #ca: string;

  /** @throws WardError `WARD_EST_URL` */
  constructor({ url, ca }: EstServerAddress) {
    this.#base = estBase(url);
    this.#ca = ca;
  }

  /**
   * The certificates of the authority: its root and who issues below it.
   * @throws WardError as `enroll`
   */
  async authorities(): Promise<X509Certificate[]> {
    return await this.#ask("cacerts", { method: "GET" }, "");
  }

  /**
   * Asks for a certificate: `simpleenroll` with a claim, `simplereenroll` with the certificate before.
   * @throws WardError `WARD_EST_UNREACHABLE`, `WARD_CLOCK`, `WARD_EST_SERVER` (we do not trust it), `WARD_EST_REFUSED` (it
   * does not accept who we are), `WARD_EST_LATER` (somebody has to approve), `WARD_EST_ANSWER`
   */
  async enroll(csr: Uint8Array, login: EstLogin): Promise<X509Certificate[]> {
    const isClaim = "token" in login;
    const who: RequestOptions = isClaim
      ? { auth: `${login.gateway}:${login.token}` }
      : { cert: login.cert, key: login.key };
    const body = Buffer.from(csr).toString("base64").replaceAll(/.{64}/g, "$&\r\n");
    const headers = {
      "Content-Type": "application/pkcs10",
      "Content-Transfer-Encoding": "base64",
      "Content-Length": Buffer.byteLength(body),
    };
    const options = { ...who, method: "POST", headers };
    return await this.#ask(isClaim ? "simpleenroll" : "simplereenroll", options, body);
  }

  /** The revocation lists of the servers, PEM; null from a server that gives out none. @throws WardError as `enroll` */
  async serversLists(): Promise<string | null> {
    const url = new URL(`${LISTS_PATH}servers.crl.pem`, this.#base);
    const { status, text } = await this.#exchange(url, { method: "GET" }, "");
    return status === 200 ? text : null;
  }

  async #ask(operation: string, how: RequestOptions, body: string): Promise<X509Certificate[]> {
    const url = new URL(operation, this.#base);
    const { status, text, retryAfter } = await this.#exchange(url, how, body);
    if (status === 200) {
      return readCertificatesOnly(Buffer.from(text, "base64"));
    }
    if (status === 202 || status === 429 || status === 503) {
      throw new WardError(
        "WARD_EST_LATER",
        `Cannot have a certificate from ${url.host} yet: it answers ${status}. Try again in ${retryAfter} s.`,
      );
    }
    const code = [400, 401, 403].includes(status) ? "WARD_EST_REFUSED" : "WARD_EST_ANSWER";
    const said = text.replaceAll(/[^\x20-\x7e]+/g, " ").slice(0, SAID_MAX);
    throw new WardError(
      code,
      `Cannot have a certificate from ${url.host}: it answers ${status} (${said.trim()}).`,
    );
  }

  async #exchange(url: URL, how: RequestOptions, body: string): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const signal = AbortSignal.timeout(ANSWER_MS);
    const options = { ...how, createConnection: () => this.#connect(url, how), signal };
    const asking = request(url, options, (response) => {
      let text = "";
      response.setEncoding("latin1");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > ANSWER_BYTES_MAX) {
          asking.destroy(new Error("its answer is too long"));
        }
      });
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode: status = 0, headers } = response;
        const seconds = Number(headers["retry-after"] ?? RETRY_S);
        resolve({ status, text, retryAfter: seconds > 0 ? seconds : RETRY_S });
      });
    });
    asking.on("error", reject);
    // An answer that is none, such as an upgrade, ends the connection without an error.
    asking.on("close", () => reject(new Error("it gives no answer")));
    asking.end(body);
    try {
      return await promise;
    } catch (error) {
      throw notReached(error, url.host);
    }
  }

  #connect({ hostname, port }: URL, { cert, key }: RequestOptions): TLSSocket {
    const secureContext = createSecureContext({ ca: this.#ca, cert, key, minVersion: "TLSv1.2" });
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    const servername = isIP(host) === 0 ? host : "";
    const socket = connect({ host, port: Number(port || 443), servername, secureContext });
    releaseContext(secureContext);
    return socket;
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
  /** Seconds. */
  readonly retryAfter: number;
}

/** Where our own enrolment server gives out revocation lists: `gateways.crl.pem` and `servers.crl.pem`. */
export const LISTS_PATH = "/.well-known/wardgate/";
const ANSWER_MS = 30_000;
const ANSWER_BYTES_MAX = 65_536;
const SAID_MAX = 200;
const RETRY_S = 60;

function estBase(text: string): URL {
  const url = URL.parse(text);
  if (url === null || url.protocol !== "https:" || url.username !== "" || url.search !== "") {
    throw new WardError(
      "WARD_EST_URL",
      "Cannot use this address of an EST server: it must look like https://host:8443, without a user name.",
    );
  }
  const path = url.pathname.replace(/\/$/, "");
  return new URL(path === "" ? "/.well-known/est/" : `${path}/`, url);
}

function notReached(error: unknown, server: string): WardError {
  const code = errorCode(error);
  if (code === "CERT_NOT_YET_VALID") {
    return new WardError(
      "WARD_CLOCK",
      `Cannot trust EST server ${server}: its certificate is not yet valid. Our clock is probably behind: check time synchronisation.`,
      { cause: error },
    );
  }
  if (/CERT|SIGNATURE|ISSUER|ALTNAME|INVALID_CA|INVALID_PURPOSE/.test(code)) {
    return new WardError(
      "WARD_EST_SERVER",
      `Cannot trust EST server ${server}: ${errorText(error)}. Check its address, its certificate and the root we were given.`,
      { cause: error },
    );
  }
  return new WardError(
    "WARD_EST_UNREACHABLE",
    `Cannot reach EST server ${server}: ${errorText(error)}. Check address, network and firewall.`,
    { cause: error },
  );
}
