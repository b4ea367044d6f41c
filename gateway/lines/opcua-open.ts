import { X509Certificate } from "node:crypto";

import { WardError } from "../errors.ts";
import { ownCertificates } from "./opcua-certificate.ts";
import type { OwnCertificate, OwnCertificates } from "./opcua-certificate.ts";
import { Connection } from "./opcua-connection.ts";
import type { ConnectionOptions } from "./opcua-connection.ts";
import {
  bestEndpoint,
  checkDowngrade,
  isReadable,
  noSecurity,
  POLICIES,
  tokenPolicy,
} from "./opcua-endpoint.ts";
import { cannotOpen, isCertificateRefusal, isUnreachable } from "./opcua-errors.ts";
import { MessageSecurityMode, SecurityPolicy, UserTokenType } from "./opcua-library.ts";
import type { EndpointDescription, OPCUAClientOptions, UserIdentityInfo } from "./opcua-library.ts";
import { readSession } from "./opcua-services.ts";
import type { ReadSession } from "./opcua-services.ts";
import type { OpcuaUser } from "./opcua-user.ts";
import { readUser } from "./opcua-user.ts";

/** A session that is open, logged in and safe. */
export interface OpenSession {
  readonly connection: Connection;
  readonly session: ReadSession;
  readonly namespaces: readonly string[];
  /** What the engineer ought to know of it, in plain words; usually nothing. */
  readonly notes: readonly string[];
}

/** Connects, checks the server, logs in. Throws WardError that says what failed and what to do. */
export async function openSession(options: ConnectionOptions): Promise<OpenSession> {
  const { key, trust, pki, gateway } = options;
  const certificates = await ownCertificates(pki, gateway);
  const endpoint = await findEndpoint(options, certificates);
  trust.check(endpoint.serverCertificate, key);
  const { connection, shown } = await connect(options, endpoint, certificates);
  try {
    // Asked again over the secured connection; the library logs in by what this list holds.
    const secured = await connection.client.getEndpoints();
    checkDowngrade(endpoint, secured, key);
    const user = await readUser(pki, key);
    for (const offered of secured.filter((other) => isSame(other, endpoint))) {
      offered.userIdentityTokens = [tokenPolicy(offered, user, key)];
    }
    const session = readSession(await connection.client.createSession(identityOf(user)));
    const namespaces = await session.readNamespaceArray();
    return { connection, session, namespaces, notes: notesOf(endpoint, shown, certificates) };
  } catch (error) {
    await connection.close();
    throw cannotOpen(key, error);
  }
}

/**
 * Asks the server, over a connection without security, how it can be reached; nothing of the answer is trusted yet. A server that says nothing
 * without security is asked with each of the trusted certificates that could be its own.
 */
async function findEndpoint(
  options: ConnectionOptions,
  [own]: OwnCertificates,
): Promise<EndpointDescription> {
  const { key, trust } = options;
  try {
    return await askEndpoint(options, own, {
      securityMode: MessageSecurityMode.None,
      securityPolicy: SecurityPolicy.None,
    });
  } catch (error) {
    if (error instanceof WardError && error.code === "WARD_OPCUA_NO_SECURITY") {
      throw error;
    }
    if (!isUnreachable(causeOf(error))) {
      for (const serverCertificate of trust.candidates(new URL(key).hostname)) {
        for (const securityPolicy of POLICIES) {
          const securityMode = MessageSecurityMode.SignAndEncrypt;
          const how = { securityMode, securityPolicy, serverCertificate };
          const found = await askEndpoint(options, own, how).catch(() => null);
          if (found !== null) {
            return found;
          }
        }
      }
    }
    throw error;
  }
}

async function askEndpoint(
  options: ConnectionOptions,
  own: OwnCertificate,
  how: OPCUAClientOptions,
): Promise<EndpointDescription> {
  const quiet = { ...options, onLost: () => undefined };
  const connection = await Connection.open(quiet, { ...how, ...filesOf(own) });
  try {
    const found = bestEndpoint(await connection.client.getEndpoints());
    if (found === undefined) {
      throw noSecurity(options.key);
    }
    return found;
  } catch (error) {
    throw cannotOpen(options.key, error);
  } finally {
    await connection.close();
  }
}

/** Connects with the first of this gateway's certificates that the server takes. */
async function connect(
  options: ConnectionOptions,
  endpoint: EndpointDescription,
  certificates: OwnCertificates,
): Promise<{ readonly connection: Connection; readonly shown: OwnCertificate }> {
  let refused: unknown = null;
  for (const shown of certificates) {
    try {
      const connection = await Connection.open(options, {
        ...filesOf(shown),
        serverCertificate: endpoint.serverCertificate,
        securityMode: endpoint.securityMode,
        securityPolicy: endpoint.securityPolicyUri ?? SecurityPolicy.Invalid,
      });
      return { connection, shown };
    } catch (error) {
      refused ??= error;
    }
  }
  throw isCertificateRefusal(causeOf(refused))
    ? withThumbprint(options.key, certificates[0], refused)
    : refused;
}

function withThumbprint(key: string, own: OwnCertificate, cause: unknown): WardError {
  return new WardError(
    "WARD_LINE_OPEN",
    `Cannot open ${key}: the server does not accept this gateway's certificate. Trust ${own.certificateFile} in the server, SHA-256 thumbprint ${own.thumbprint}.`,
    { cause },
  );
}

function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}

function filesOf({
  certificateFile,
  privateKeyFile,
}: OwnCertificate): Pick<OwnCertificate, "certificateFile" | "privateKeyFile"> {
  return { certificateFile, privateKeyFile };
}

function isSame(a: EndpointDescription, b: EndpointDescription): boolean {
  return a.securityMode === b.securityMode && a.securityPolicyUri === b.securityPolicyUri;
}

function identityOf(user: OpcuaUser | null): UserIdentityInfo {
  switch (user?.kind) {
    case undefined:
      return { type: UserTokenType.Anonymous };
    case "password":
      return { type: UserTokenType.UserName, userName: user.name, password: user.password };
    case "certificate":
      return {
        type: UserTokenType.Certificate,
        certificateData: new X509Certificate(user.certificate).raw,
        privateKey: user.key,
      };
  }
}

function notesOf(
  endpoint: EndpointDescription,
  shown: OwnCertificate,
  [preferred]: OwnCertificates,
): string[] {
  const notes: string[] = [];
  if (isReadable(endpoint)) {
    notes.push("the server signs but does not encrypt: whoever is on this network can read along");
  }
  if (preferred !== shown) {
    const day = new Date(shown.endsAt).toISOString().slice(0, 10);
    notes.push(
      `the server must trust this gateway's next certificate before ${day}: ${preferred.certificateFile}, SHA-256 ${preferred.thumbprint}`,
    );
  }
  return notes;
}
