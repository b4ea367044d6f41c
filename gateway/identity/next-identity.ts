import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { syncDirectory } from "../outbox/disk-sync.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";

/**
 * The next certificate of a gateway, with its key and binding, in `next/` beside the ones in use. It takes their place only
 * after it has connected to the broker; until then, whatever happens, the old ones stay.
 *
 * The file `next/connected` decides: once it is there, what lies in `next/` is the identity. Copying it to its place may then
 * be cut off anywhere and is done again at the next start.
 */
export class NextIdentity {
  readonly #directory: string;
  readonly #next: string;

  /** `directory`: identity/ of the data directory. */
  constructor(directory: string) {
    this.#directory = directory;
    this.#next = join(directory, NEXT);
  }

  get keyPath(): string {
    return join(this.#next, KEY_FILE);
  }

  get hasKey(): boolean {
    return existsSync(this.keyPath);
  }

  /** True when key, certificate and binding are there: the binding is written last. */
  get isComplete(): boolean {
    return existsSync(join(this.#next, BINDING_FILE));
  }

  /** Keeps what was issued for the key in `next/`. */
  keep(certificateChainPem: string, binding: Uint8Array): void {
    mkdirSync(this.#next, { recursive: true, mode: 0o700 });
    replaceDurably(join(this.#next, CERTIFICATE_FILE), Buffer.from(certificateChainPem));
    replaceDurably(join(this.#next, BINDING_FILE), binding);
  }

  /** It has connected: from now on it is the identity. */
  promote(): void {
    replaceDurably(join(this.#next, CONNECTED_FILE), new Uint8Array());
    this.finish();
  }

  /** Ends a promotion that was cut off. */
  finish(): void {
    if (!existsSync(join(this.#next, CONNECTED_FILE))) {
      return;
    }
    for (const name of [KEY_FILE, CERTIFICATE_FILE, BINDING_FILE]) {
      replaceDurably(join(this.#directory, name), readFileSync(join(this.#next, name)));
    }
    // Without the mark, what is left there counts for nothing that is not in its place already.
    rmSync(join(this.#next, CONNECTED_FILE));
    syncDirectory(this.#next, []);
    this.discard();
  }

  /** Gives it up. */
  discard(): void {
    rmSync(this.#next, { recursive: true, force: true });
    syncDirectory(this.#directory, []);
  }
}

/** Where the certificate, key and binding in force lie: in place, or in `next/` while a promotion is not finished. */
export function identityPlace(directory: string): string {
  const next = join(directory, NEXT);
  return existsSync(join(next, CONNECTED_FILE)) ? next : directory;
}

/** Where the next identity of a gateway waits. */
export function nextPlace(directory: string): string {
  return join(directory, NEXT);
}

const NEXT = "next";
const CONNECTED_FILE = "connected";
const KEY_FILE = "gateway.key.pem";
const CERTIFICATE_FILE = "gateway.crt.pem";
const BINDING_FILE = "binding.cose";
