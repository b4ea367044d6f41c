import { isIP } from "node:net";
import {
  checkServerIdentity,
  connect as tlsConnect,
  createSecureContext,
  type TLSSocket,
} from "node:tls";

import { errorCode, errorText, WardError } from "../errors.ts";
import { releaseContext } from "../tls-context.ts";
import { singleLists } from "./single-lists.ts";

/** Everything that is needed to reach a broker and to prove who we are. Texts are PEM. */
export interface BrokerTlsOptions {
  readonly host: string;
  readonly port: number;
  /** The name (or IP address) that the broker's certificate must carry. */
  readonly serverName: string;
  /** The roots that may vouch for the broker: only these, never the system's. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Revocation lists of the roots in `ca` and of who issues below them, each as "X509 CRL" PEM, in one text. */
  readonly crl?: string | undefined;
  /** For the TCP connection and the TLS handshake together (milliseconds). */
  readonly connectMs: number;
  /** Gives up when aborted; the reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** What was negotiated. */
export interface TlsFacts {
  readonly protocol: string;
  readonly cipher: string;
  /** Key agreement group, where Node.js tells it. */
  readonly group?: string;
}

/**
 * Opens a TLS 1.3 connection to a broker, checks its certificate and its name and presents ours. In TLS 1.3 the server
 * judges our certificate after this has resolved: its refusal comes as an alert or a close (see `classifyTls`).
 * @throws WardError as `classifyTls` says
 */
export async function openBrokerTls(options: BrokerTlsOptions): Promise<TLSSocket> {
  const socket = startTls(options);
  socket.setNoDelay(true);
  try {
    await secured(socket, options);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return socket;
}

/** The protocol, cipher and key agreement group of an open connection. */
export function tlsFacts(socket: TLSSocket): TlsFacts {
  const group = groupName(socket.getEphemeralKeyInfo());
  return {
    protocol: socket.getProtocol() ?? "",
    cipher: socket.getCipher().name,
    ...(group === null ? {} : { group }),
  };
}

/**
 * Turns what TLS or the socket said into a WardError that tells whose fault it is:
 * `WARD_BROKER_CERTIFICATE`, `WARD_CLOCK`, `WARD_IDENTITY_REFUSED`, `WARD_BROKER_TLS` or `WARD_BROKER_UNREACHABLE`.
 */
export function classifyTls(error: unknown, broker: string): WardError {
  if (error instanceof WardError) {
    return error;
  }
  const code = errorCode(error);
  const known = SERVER_FAULTS[code];
  if (known !== undefined) {
    return new WardError(known.code, `Cannot trust broker ${broker}: ${known.text}`, {
      cause: error,
    });
  }
  const alert = ALERT.exec(code)?.[1];
  if (alert !== undefined && IDENTITY_ALERTS.has(alert)) {
    return new WardError(
      "WARD_IDENTITY_REFUSED",
      `Cannot connect to broker ${broker}: it refuses our certificate (${words(alert)}). ` +
        "Check that it is in date, not revoked and issued by the gateways root the broker trusts.",
      { cause: error },
    );
  }
  if (code.startsWith("ERR_SSL_") || code === "EPROTO") {
    return new WardError(
      "WARD_BROKER_TLS",
      `Cannot speak TLS 1.3 with broker ${broker}: ${words(code.replace("ERR_SSL_", ""))}. ` +
        "Check that the port is a TLS port and that TLS 1.3 is allowed there.",
      { cause: error },
    );
  }
  return new WardError(
    "WARD_BROKER_UNREACHABLE",
    `Cannot reach broker ${broker}: ${errorText(error)}. Check address, network and firewall.`,
    { cause: error },
  );
}

function startTls(options: BrokerTlsOptions): TLSSocket {
  try {
    const secureContext = createSecureContext({
      ca: options.ca,
      cert: options.cert,
      key: options.key,
      ...(options.crl === undefined ? {} : { crl: singleLists(options.crl) }),
      minVersion: "TLSv1.3",
    });
    const socket = tlsConnect({
      host: options.host,
      port: options.port,
      // RFC 6066 section 3: an IP address is no server name.
      servername: isIP(options.serverName) === 0 ? options.serverName : "",
      secureContext,
      rejectUnauthorized: true,
      checkServerIdentity: (_name, certificate) =>
        checkServerIdentity(options.serverName, certificate),
    });
    releaseContext(secureContext);
    return socket;
  } catch (error) {
    throw new WardError(
      "WARD_IDENTITY_UNUSABLE",
      `Cannot use our certificate, key or trusted roots: ${errorText(error)}. Provision the identity again.`,
      { cause: error },
    );
  }
}

async function secured(socket: TLSSocket, options: BrokerTlsOptions): Promise<void> {
  const broker = `${options.host}:${options.port}`;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (error: unknown): void => reject(classifyTls(error, broker));
  const closed = (): void => fail(new Error("the connection was closed during the TLS handshake"));
  const timer = setTimeout(
    () => fail(new Error(`no answer within ${options.connectMs} ms`)),
    options.connectMs,
  );
  const aborted = (): void => reject(options.signal?.reason);
  options.signal?.addEventListener("abort", aborted);
  if (options.signal?.aborted === true) {
    aborted();
  }
  socket.once("secureConnect", resolve);
  socket.once("error", fail);
  socket.once("close", closed);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", aborted);
    socket.off("secureConnect", resolve);
    socket.off("close", closed);
    socket.off("error", fail);
    // An error without a listener would end the process; whoever takes the socket over adds a listener that looks.
    socket.on("error", () => undefined);
  }
}

function groupName(info: object | null): string | null {
  return info !== null && "name" in info && typeof info.name === "string" ? info.name : null;
}

function words(code: string): string {
  return code.replaceAll("_", " ").toLowerCase();
}

const OUR_CRL =
  "our revocation list for servers is missing, too old or not yet valid. Fetch a fresh one.";
const WRONG_ROOT = {
  code: "WARD_BROKER_CERTIFICATE",
  text: "its certificate is not from the servers root we were given. Check that this is the right broker.",
} as const;

/** Node.js certificate error codes (X509_V_ERR_* without the prefix) and what they mean here. */
const SERVER_FAULTS: Readonly<Record<string, { code: string; text: string }>> = {
  UNABLE_TO_GET_ISSUER_CERT: WRONG_ROOT,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: WRONG_ROOT,
  SELF_SIGNED_CERT_IN_CHAIN: WRONG_ROOT,
  DEPTH_ZERO_SELF_SIGNED_CERT: WRONG_ROOT,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: WRONG_ROOT,
  CERT_SIGNATURE_FAILURE: WRONG_ROOT,
  CERT_UNTRUSTED: WRONG_ROOT,
  CERT_REJECTED: WRONG_ROOT,
  INVALID_CA: WRONG_ROOT,
  INVALID_PURPOSE: {
    code: "WARD_BROKER_CERTIFICATE",
    text: "its certificate is not for a server. Issue a server certificate for it.",
  },
  CERT_HAS_EXPIRED: {
    code: "WARD_BROKER_CERTIFICATE",
    text: "its certificate has expired. Renew it, or check our clock.",
  },
  CERT_NOT_YET_VALID: {
    code: "WARD_CLOCK",
    text: "its certificate is not yet valid: our clock is probably behind. Check time synchronisation.",
  },
  CERT_REVOKED: {
    code: "WARD_BROKER_CERTIFICATE",
    text: "its certificate is revoked. Issue a new one for the broker.",
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    code: "WARD_BROKER_CERTIFICATE",
    text: "its certificate is for another host name. Check broker.serverName and the certificate's names.",
  },
  UNABLE_TO_GET_CRL: { code: "WARD_BROKER_CERTIFICATE", text: OUR_CRL },
  CRL_HAS_EXPIRED: { code: "WARD_BROKER_CERTIFICATE", text: OUR_CRL },
  CRL_NOT_YET_VALID: { code: "WARD_CLOCK", text: OUR_CRL },
};

const ALERT = /^ERR_SSL_(?:TLSV13|TLSV1|SSLV3|SSL\/TLS)_ALERT_(.+)$/;

/** Alerts of RFC 8446 section 6.2 with which a server says that it does not accept our certificate. */
const IDENTITY_ALERTS: ReadonlySet<string> = new Set([
  "CERTIFICATE_REQUIRED",
  "CERTIFICATE_REVOKED",
  "CERTIFICATE_EXPIRED",
  "CERTIFICATE_UNKNOWN",
  "BAD_CERTIFICATE",
  "UNSUPPORTED_CERTIFICATE",
  "UNKNOWN_CA",
  "ACCESS_DENIED",
  "NO_CERTIFICATE",
  "DECRYPT_ERROR",
]);
