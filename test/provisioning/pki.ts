import {
  createRoot,
  issueGateway,
  issueHub,
  issueLeaf,
  issueServer,
  validFor,
  type Identity,
  type Issuer,
  type RootKind,
} from "../../provisioning/ca.ts";
import type { Authority } from "../../provisioning/authority.ts";
import { findIssued, revokeIssued, serialOf } from "../../provisioning/issued.ts";
import { issueRevocationList } from "../../provisioning/revocation-list.ts";
import type { BrokerIdentity } from "../../hub/broker-identity.ts";

/** Everything a broker and its clients need for one test file, with revocation lists in force and gw-revoked on them. */
export interface TestPki {
  readonly gateways: Issuer;
  readonly servers: Issuer;
  readonly broker: Identity;
  readonly hub: Identity;
  readonly otherHub: Identity;
  readonly revokedHub: Identity;
  readonly gateway: Identity;
  readonly other: Identity;
  readonly revoked: Identity;
  readonly expired: Identity;
  readonly notYet: Identity;
  /** Under the right root and with a gateway's name, but for servers only. */
  readonly serverOnly: Identity;
  /** A gateway's name under the servers root. */
  readonly wrongRoot: Identity;
  readonly brokerIdentity: BrokerIdentity;
}

const DAY_MS = 86_400_000;

export async function makeTestPki(): Promise<TestPki> {
  const gateways = await createRoot("gateways", "Test");
  const servers = await createRoot("servers", "Test");
  const broker = await issueServer(servers, ["localhost", "127.0.0.1"]);
  const revoked = await issueGateway(gateways, "gw-revoked");
  const revokedHub = await issueHub(servers, "hub-revoked");
  const now = new Date();
  const past = { notBefore: daysFrom(now, -2), notAfter: daysFrom(now, -1) };
  const future = { notBefore: daysFrom(now, 1), notAfter: daysFrom(now, 2) };
  return {
    gateways,
    servers,
    broker,
    hub: await issueHub(servers, "hub-1"),
    otherHub: await issueHub(servers, "hub-2"),
    revokedHub,
    gateway: await issueGateway(gateways, "gw-001"),
    other: await issueGateway(gateways, "gw-002"),
    revoked,
    expired: await issueGateway(gateways, "gw-001", past),
    notYet: await issueGateway(gateways, "gw-001", future),
    serverOnly: await issueLeaf(gateways, { commonName: "gw-001", usage: "server" }),
    wrongRoot: await issueLeaf(servers, { commonName: "gw-001", usage: "client" }),
    brokerIdentity: {
      certificate: broker.certificate,
      key: broker.key,
      gatewaysRoot: gateways.certificate,
      serversRoot: servers.certificate,
      gatewaysCrl: await listFor(gateways, [revoked]),
      serversCrl: await listFor(servers, [revokedHub]),
    },
  };
}

/** A revocation list in force for a week that names these. */
export async function listFor(root: Issuer, revoked: readonly Identity[]): Promise<string> {
  const { notBefore, notAfter } = validFor(7);
  return await issueRevocationList(root, {
    revoked: revoked.map(({ certificate }) => ({
      serial: serialOf(certificate),
      at: notBefore,
    })),
    number: 1,
    thisUpdate: notBefore,
    nextUpdate: notAfter,
  });
}

/** Puts a certificate of an authority on its next list. */
export async function revoke(
  authority: Authority,
  kind: RootKind,
  certificate: string,
): Promise<void> {
  const record = await findIssued(authority.directory, kind, serialOf(certificate));
  if (record === null) {
    throw new Error("no such certificate");
  }
  await revokeIssued(authority.directory, record, "test");
}

export function daysFrom(date: Date, days: number): Date {
  return new Date(date.getTime() + days * DAY_MS);
}
