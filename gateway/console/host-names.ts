import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";

/**
 * The names under which this gateway answers. A page elsewhere can have its own name resolved to our address (DNS
 * rebinding), but it cannot have the browser send another name than its own.
 */
export class HostNames {
  readonly #certificate: X509Certificate;
  readonly #own: ReadonlySet<string>;

  /** `cert` is PEM; what its subject alternative names cover is ours, and so is the host that is listened on. */
  constructor(cert: string, host: string) {
    this.#certificate = new X509Certificate(cert);
    this.#own = new Set([...LOOPBACK, nameOf(isIP(host) === 6 ? `[${host}]` : host) ?? ""]);
  }

  /** True when a Host header (name or address, with or without a port) means this gateway. */
  has(header: string | undefined): boolean {
    const name = nameOf(header ?? "");
    if (name === null) {
      return false;
    }
    if (this.#own.has(name)) {
      return true;
    }
    const address = name.replaceAll(/[[\]]/g, "");
    return isIP(address) === 0
      ? this.#certificate.checkHost(name, { subject: "never" }) !== undefined
      : this.#certificate.checkIP(address) !== undefined;
  }
}

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** The host of `host[:port]` as browsers write it, or null. */
function nameOf(text: string): string | null {
  return /^[0-9A-Za-z.:[\]-]{1,300}$/.test(text)
    ? (URL.parse(`https://${text}`)?.hostname ?? null)
    : null;
}
