import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { writeEnrolment } from "../../gateway/enrolment/enrolment-file.ts";
import { makeBinding } from "../../gateway/identity/identity.ts";
import { softwareTlsKey, type TlsKey } from "../../gateway/identity/key-provider.ts";
import { openKeys } from "../../gateway/identity/open-keys.ts";
import { GATEWAY_FILES } from "../../gateway/identity/site-files.ts";
import { issueGateway } from "../../provisioning/ca.ts";
import { recordIssued } from "../../provisioning/issued.ts";
import { replacePrivate } from "../../provisioning/private-files.ts";
import { EstSite } from "../provisioning/est-site.ts";
import { daysFrom } from "../provisioning/pki.ts";
import { GATEWAY, TestSite, type TestFlowhost, type TestKeeper } from "./keeper-kit.ts";

/** A site whose gateway has its certificates from an enrolment server. */
export class RenewalSite {
  readonly site: TestSite;
  readonly est: EstSite;

  private constructor(site: TestSite, est: EstSite) {
    this.site = site;
    this.est = est;
  }

  /** `days` is how long a certificate lives that the server issues. */
  static async open(days = 30): Promise<RenewalSite> {
    const site = await TestSite.make();
    const { authority } = site.site;
    const est = await EstSite.open({ authority, graceDays: 5, days });
    const made = new RenewalSite(site, est);
    writeEnrolment(made.path("identity"), { url: est.url, ca: authority.roots.servers });
    return made;
  }

  async close(): Promise<void> {
    await this.est.close();
    await this.site.remove();
  }

  /** A file of the gateway's data directory. */
  path(file: string): string {
    return join(this.site.site.gatewayDirectory, file);
  }

  /** The certificate in force. */
  get certificate(): X509Certificate {
    return new X509Certificate(readFileSync(this.path(GATEWAY_FILES.certificate)));
  }

  get serial(): string {
    return this.certificate.serialNumber;
  }

  get hasNext(): boolean {
    return existsSync(this.path("identity/next"));
  }

  /** Gives the gateway another certificate in place of its own, valid from and to so many days from now. */
  async install(fromDays: number, toDays: number): Promise<string> {
    const { authority } = this.site.site;
    const now = new Date();
    const validity = { notBefore: daysFrom(now, fromDays), notAfter: daysFrom(now, toDays) };
    const { certificate, key } = await issueGateway(authority.gateways, GATEWAY, validity);
    await recordIssued(authority.directory, { kind: "gateways", by: "command", certificate });
    await replacePrivate(this.path(GATEWAY_FILES.key), key);
    await replacePrivate(this.path(GATEWAY_FILES.certificate), certificate);
    const binding = this.bindingOf(certificate, softwareTlsKey(createPrivateKey(key)));
    await replacePrivate(this.path(GATEWAY_FILES.binding), binding);
    return this.serial;
  }

  /** The statement with which a certificate vouches for the gateway's signing key. */
  bindingOf(certificateChainPem: string, certificateKey: TlsKey): Uint8Array {
    const keys = openKeys(this.path("identity"));
    return makeBinding({
      certificateChainPem,
      certificateKey,
      signingPublicKey: createPublicKey(keys.readSigningKey(this.path(GATEWAY_FILES.signingKey))),
      now: Date.now(),
    });
  }
}

/** The words for which a keeper has given notices. */
export function noticesOf(keeper: TestKeeper): string[] {
  return keeper.heard.flatMap((said) => (said.t === "notice" ? [said.notice.notice] : []));
}

/** Goes on storing until something is true; returns how many batches there were. */
export async function storeUntil(flowhost: TestFlowhost, isTrue: () => boolean): Promise<number> {
  let puts = 0;
  while (!isTrue()) {
    assert.equal((await flowhost.put(3)).t, "stored");
    puts += 1;
    await sleep(5);
  }
  return puts;
}
