import { setTimeout as sleep } from "node:timers/promises";

import { errorText, WardError } from "../errors.ts";
import { applicationUri, ownCertificate } from "./opcua-certificate.ts";
import {
  defaultClientTransportFactory,
  MessageSecurityMode,
  OPCUAClient,
  SecurityPolicy,
  setErrorLogger,
  setWarningLogger,
  StatusCodes,
} from "./opcua-library.ts";
import type {
  EndpointDescription,
  ICertificateStore,
  IClientTransport,
  OPCUAClientOptions,
  StatusCode,
} from "./opcua-library.ts";
import { SESSION_CLOSE_MS } from "./opcua-session.ts";
import type { TrustList } from "./opcua-trust.ts";

/** What one connection attempt needs. */
export interface ConnectionOptions {
  /** The server's line URL, which is its endpoint URL too. */
  readonly key: string;
  readonly trust: TrustList;
  /** Directory of this gateway's own certificate. */
  readonly pki: string;
  readonly gateway: string;
  /** The server answers within this time (milliseconds). */
  readonly answerMs: number;
  /** Told when the connection ends by itself. */
  readonly onLost: (why: string) => void;
  /** Ends the attempt, and whatever it has opened. */
  readonly signal: AbortSignal;
}

/** One client of the library with everything it opened, so that it can be ended for sure. */
export class Connection {
  readonly client: OPCUAClient;
  readonly #transports: IClientTransport[];
  #closing: Promise<void> | null = null;

  private constructor(client: OPCUAClient, transports: IClientTransport[]) {
    this.client = client;
    this.#transports = transports;
  }

  static async open(
    { key, gateway, answerMs, onLost, signal }: ConnectionOptions,
    security: OPCUAClientOptions,
  ): Promise<Connection> {
    // The library would print what it receives; what matters is told by the line's state.
    setErrorLogger(() => undefined);
    setWarningLogger(() => undefined);
    const transports: IClientTransport[] = [];
    const client = OPCUAClient.create({
      ...security,
      applicationName: "Wardgate",
      applicationUri: applicationUri(gateway),
      clientName: gateway,
      endpointMustExist: false,
      keepSessionAlive: true,
      connectionStrategy: { maxRetry: 0, initialDelay: 100, maxDelay: 200 },
      transportTimeout: answerMs,
      defaultTransactionTimeout: answerMs,
      requestedSessionTimeout: SESSION_MS,
      transportFactory: {
        create: (settings) => {
          const transport = defaultClientTransportFactory.create(settings);
          transports.push(transport);
          return transport;
        },
      },
    });
    const connection = new Connection(client, transports);
    signal.addEventListener("abort", () => void connection.close(), { once: true });
    try {
      await client.connect(key);
    } catch (error) {
      await connection.close();
      throw cannotOpen(key, error);
    }
    client.on("connection_lost", () => onLost("the connection broke"));
    client.on("close", () => onLost("the server closed the connection"));
    return connection;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.client.removeAllListeners();
    await Promise.race([this.client.disconnect(), sleep(SESSION_CLOSE_MS / 2)]).catch(() => 0);
    for (const transport of this.#transports) {
      transport.dispose();
    }
  }
}

/** Asks the server, over a connection without security, how it can be reached; nothing of the answer is trusted yet. */
export async function findEndpoint(options: ConnectionOptions): Promise<EndpointDescription> {
  const connection = await Connection.open(
    { ...options, onLost: () => undefined },
    {
      securityMode: MessageSecurityMode.None,
      securityPolicy: SecurityPolicy.None,
      ...(await ownCertificate(options.pki, options.gateway)),
      clientCertificateManager: new PinnedStore(options.trust),
    },
  );
  try {
    const endpoints = await connection.client.getEndpoints();
    for (const policy of POLICIES) {
      const found = endpoints.find(
        ({ securityMode, securityPolicyUri }) =>
          securityMode === MessageSecurityMode.SignAndEncrypt && securityPolicyUri === policy,
      );
      if (found !== undefined) {
        return found;
      }
    }
  } catch (error) {
    throw cannotOpen(options.key, error);
  } finally {
    await connection.close();
  }
  throw new WardError(
    "WARD_OPCUA_NO_SECURITY",
    `Cannot open ${options.key}: the server offers no signed and encrypted endpoint that is safe today. Switch on Basic256Sha256 with SignAndEncrypt in the server.`,
  );
}

/** The library's view of the trust list: exactly the pinned certificates are good, and nothing can be added. */
export class PinnedStore implements ICertificateStore {
  referenceCounter = 0;
  readonly #trust: TrustList;

  constructor(trust: TrustList) {
    this.#trust = trust;
  }

  initialize = async (): Promise<void> => undefined;
  dispose = async (): Promise<void> => undefined;
  trustCertificate = async (): Promise<void> => undefined;
  rejectCertificate = async (): Promise<void> => undefined;
  addIssuer = async (): Promise<void> => undefined;
  addRevocationList = async (): Promise<void> => undefined;

  async checkCertificate(certificate: Buffer | Buffer[]): Promise<StatusCode> {
    const leaf = Array.isArray(certificate) ? certificate[0] : certificate;
    return leaf !== undefined && this.#trust.has(leaf)
      ? StatusCodes.Good
      : StatusCodes.BadCertificateUntrusted;
  }

  getTrustStatus(certificate: Buffer): Promise<StatusCode> {
    return this.checkCertificate(certificate);
  }

  async verifyCertificate(certificate: Buffer | Buffer[]): Promise<string> {
    return (await this.checkCertificate(certificate)).name;
  }
}

/** What failed while connecting, as a WardError in plain words. */
export function cannotOpen(key: string, error: unknown): WardError {
  if (error instanceof WardError) {
    return error;
  }
  const text = errorText(error);
  const known = REASONS.find(([pattern]) => pattern.test(text));
  const [, why, whatToDo] = known ?? [null, text.replace(/\.$/, ""), "Check the server"];
  return new WardError("WARD_LINE_OPEN", `Cannot open ${key}: ${why}. ${whatToDo}.`, {
    cause: error,
  });
}

const REASONS: readonly (readonly [RegExp, string, string])[] = [
  [/ECONNREFUSED/, "connection refused", "Check that the server is on, and its port number"],
  [/ENOTFOUND|EAI_AGAIN/, "the host name is unknown", "Check the name or write the address"],
  [/EHOSTUNREACH|ENETUNREACH/, "the host does not answer", "Check network, cable and address"],
  [
    /BadSecurityChecksFailed|BadCertificate/,
    "the server does not accept this gateway's certificate",
    "Trust the gateway's certificate in the server",
  ],
  [/BadTooManySessions/, "the server has no session left", "End other clients of the server"],
  [/BadIdentityToken|BadUserAccess/, "the server refuses the login", "Check user and password"],
  [/Connection Break/, "the connection broke", "Check network and server"],
  [/third party|aborted/i, "the server ended the connection", "Check the server"],
  [/timeout|timed out/i, "the server does not answer", "Check network and server"],
];

/** Safe policies of OPC 10000-7, the one that every server has first. */
const POLICIES: readonly string[] = [
  SecurityPolicy.Basic256Sha256,
  SecurityPolicy.Aes256_Sha256_RsaPss,
  SecurityPolicy.Aes128_Sha256_RsaOaep,
];
/** A server that lost us forgets the session after this. */
const SESSION_MS = 30_000;
