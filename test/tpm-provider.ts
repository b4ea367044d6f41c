import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where the gateway looks for OpenSSL's provider for TPMs before it looks at the system's. */
const PLACE = "/usr/local/lib/ossl-modules";

/** Why keys in a TPM cannot be used for TLS here, or null. */
export function providerProblem(): string | null {
  const { stdout } = spawnSync("dpkg-query", ["-W", "-f", "${Version}", "tpm2-openssl"], {
    encoding: "utf8",
  });
  const isNew = spawnSync("dpkg", ["--compare-versions", stdout || "0", "ge", "1.2"]).status === 0;
  return isNew || existsSync(`${PLACE}/tpm2.so`) ? null : "tpm2-openssl 1.2 or later not installed";
}

/**
 * Debian 12 has tpm2-openssl 1.1, which says that it gives out private keys, so that TLS fails. That of Debian 13 runs with Debian
 * 12's libraries too: gets its package, checked by apt as ever, and puts the one file where it is found. Without a network the
 * tests that need it are skipped.
 */
export function installTpmProvider(): void {
  if (providerProblem() === null || process.getuid?.() !== 0) {
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), "tpm-provider-"));
  try {
    // What apt fetches and unpacks as a user of its own, it must be able to reach.
    chmodSync(directory, 0o755);
    mkdirSync(join(directory, "lists", "partial"), { recursive: true });
    mkdirSync(join(directory, "cache"));
    const key = "/usr/share/keyrings/debian-archive-keyring.gpg";
    const source = `deb [signed-by=${key}] http://deb.debian.org/debian trixie main\n`;
    writeFileSync(join(directory, "sources.list"), source);
    const options = [
      `Dir::Etc::sourcelist=${directory}/sources.list`,
      "Dir::Etc::sourceparts=-",
      `Dir::State::lists=${directory}/lists`,
      `Dir::Cache=${directory}/cache`,
    ].flatMap((option) => ["-o", option]);
    const steps: readonly (readonly [string, readonly string[]])[] = [
      ["apt-get", [...options, "-qq", "update"]],
      ["apt-get", [...options, "-qq", "download", "tpm2-openssl"]],
      ["sh", ["-c", "dpkg-deb -x tpm2-openssl_*.deb package"]],
      ["sh", ["-c", `install -D -m 0644 package/usr/lib/*/ossl-modules/tpm2.so ${PLACE}/tpm2.so`]],
    ];
    for (const [program, args] of steps) {
      if (spawnSync(program, args, { cwd: directory, stdio: "ignore" }).status !== 0) {
        console.error("NOT TRIED: TLS with keys in a TPM: tpm2-openssl 1.3 cannot be got.");
        return;
      }
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}
