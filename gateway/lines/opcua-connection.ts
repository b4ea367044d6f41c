import { setTimeout as sleep } from "node:timers/promises";

import { applicationUri } from "./opcua-certificate.ts";
import { cannotOpen } from "./opcua-errors.ts";
import {
  defaultClientTransportFactory,
  OPCUAClient,
  setErrorLogger,
  setWarningLogger,
  StatusCodes,
} from "./opcua-library.ts";
import type { OPCUACertificateManager, OPCUAClientOptions, StatusCode } from "./opcua-library.ts";
import { ReadGate } from "./opcua-services.ts";
import { SESSION_CLOSE_MS } from "./opcua-session.ts";
import type { TrustList } from "./opcua-trust.ts";

/** What one connection attempt needs. */
export interface ConnectionOptions {
  /** The server's line URL, which is its endpoint URL too. */
  readonly key: string;
  readonly trust: TrustList;
  /** Directory of this gateway's own certificate and of the logins. */
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
  readonly #gate: ReadGate;
  /** Nobody is told before the connection is open, or after it was closed on purpose. */
  #onLost: (why: string) => void = () => undefined;
  #closing: Promise<void> | null = null;

  private constructor(client: OPCUAClient, gate: ReadGate) {
    this.client = client;
    this.#gate = gate;
  }

  static async open(
    { key, gateway, trust, answerMs, onLost, signal }: ConnectionOptions,
    security: OPCUAClientOptions,
  ): Promise<Connection> {
    // The library would print what it receives; what matters is told by the line's state.
    setErrorLogger(() => undefined);
    setWarningLogger(() => undefined);
    const gate = new ReadGate((why) => connection.#onLost(why));
    const client = OPCUAClient.create({
      ...security,
      applicationName: "Wardgate",
      applicationUri: applicationUri(gateway),
      clientName: gateway,
      endpointMustExist: false,
      keepSessionAlive: true,
      connectionStrategy: { maxRetry: 0, initialDelay: 100, maxDelay: 200 },
      clientCertificateManager: new PinnedStore(trust),
      transportTimeout: IDLE_MS,
      defaultTransactionTimeout: answerMs,
      defaultSecureTokenLifetime: KEYS_MS,
      requestedSessionTimeout: SESSION_MS,
      transportFactory: {
        create: (settings) => {
          const transport = defaultClientTransportFactory.create(settings);
          gate.guard(transport);
          return transport;
        },
      },
    });
    const connection = new Connection(client, gate);
    client.on("send_request", (request) => gate.pass(request));
    client.on("connection_lost", () => connection.#onLost("the connection broke"));
    client.on("close", () => connection.#onLost("the server closed the connection"));
    signal.addEventListener("abort", () => void connection.close(), { once: true });
    try {
      await client.connect(key);
    } catch (error) {
      await connection.close();
      throw cannotOpen(key, error);
    }
    connection.#onLost = onLost;
    return connection;
  }

  close(): Promise<void> {
    this.#onLost = () => undefined;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.race([this.client.disconnect(), sleep(SESSION_CLOSE_MS / 2)]).catch(() => 0);
    this.#gate.close();
  }
}

/** The library's view of the trust list: exactly the pinned certificates are good, and nothing can be added. */
export class PinnedStore implements CertificateStore {
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

type CertificateStore = Exclude<
  NonNullable<OPCUAClientOptions["clientCertificateManager"]>,
  OPCUACertificateManager
>;

/** The keys of a connection are renewed when three quarters of this have passed. */
const KEYS_MS = 600_000;
/** A server may have nothing to say for longer than it takes to answer. */
const IDLE_MS = 20_000;
/** A server that lost us forgets the session after this. */
const SESSION_MS = 30_000;
