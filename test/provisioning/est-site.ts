import { generateKeyPairSync, type KeyObject, type X509Certificate } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { makeSigningRequest } from "../../gateway/enrolment/csr.ts";
import { EstClient, type EstLogin } from "../../gateway/enrolment/est-client.ts";
import { createAuthority, type Authority } from "../../provisioning/authority.ts";
import { EstServer, type EstServerOptions } from "../../provisioning/est-server.ts";
import type { EstEvent } from "../../provisioning/est-desk.ts";
import { softwareTlsKey } from "../../gateway/identity/key-provider.ts";

/** An authority with its enrolment server, in a temporary directory, for one test file. */
export class EstSite {
  readonly directory: string;
  readonly authority: Authority;
  /** What the server told so far. */
  readonly events: readonly EstEvent[];
  readonly #server: EstServer;

  private constructor(o: Pick<EstSite, "directory" | "authority" | "events">, server: EstServer) {
    this.directory = o.directory;
    this.authority = o.authority;
    this.events = o.events;
    this.#server = server;
  }

  static async open(options: Partial<EstServerOptions> = {}): Promise<EstSite> {
    const directory = await mkdtemp(join(tmpdir(), "ward-est-"));
    const authority =
      options.authority ??
      (await createAuthority({ directory: join(directory, "ca"), site: "Test", passphrase: null }));
    const events: EstEvent[] = [];
    const server = await EstServer.open({
      names: ["localhost"],
      host: "127.0.0.1",
      port: 0,
      days: 30,
      graceDays: 10,
      listDays: 30,
      onEvent: (event) => events.push(event),
      ...options,
      authority,
    });
    return new EstSite({ directory, authority, events }, server);
  }

  get port(): number {
    return this.#server.port;
  }

  get url(): string {
    return `https://localhost:${this.port}`;
  }

  get client(): EstClient {
    return new EstClient({ url: this.url, ca: this.authority.roots.servers });
  }

  /** Asks with a fresh key for a certificate with this name. */
  async ask(name: string, login: EstLogin, key: KeyObject = newKey()): Promise<X509Certificate[]> {
    return await this.client.enroll(makeSigningRequest(name, softwareTlsKey(key)), login);
  }

  async close(): Promise<void> {
    await this.#server.close();
    await rm(this.directory, { recursive: true });
  }
}

export function newKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}
