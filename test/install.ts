import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter } from "node:path";
import process from "node:process";

import { installTpmProvider } from "./tpm-provider.ts";

/** Installs the programs that tests need beyond the npm packages, on Debian when root; otherwise says the one line to type. */
const NEEDED: readonly { readonly program: string; readonly package: string }[] = [
  { program: "mosquitto", package: "mosquitto" },
  { program: "socat", package: "socat" },
  { program: "ser2net", package: "ser2net" },
  { program: "chromium", package: "chromium" },
  { program: "openssl", package: "openssl" },
  { program: "curl", package: "curl" },
  { program: "tcpdump", package: "tcpdump" },
  { program: "ip", package: "iproute2" },
  { program: "nft", package: "nftables" },
  { program: "script", package: "bsdutils" },
  { program: "strace", package: "strace" },
  { program: "nbdkit", package: "nbdkit" },
  { program: "nbdfuse", package: "libnbd-bin" },
  { program: "mkfs.ext4", package: "e2fsprogs" },
  { program: "losetup", package: "mount" },
  { program: "gcc", package: "gcc libc6-dev" },
  { program: "pg_createcluster", package: "postgresql" },
  { program: "swtpm", package: "swtpm tpm2-openssl libtss2-tcti-device0" },
  { program: "softhsm2-util", package: "softhsm2" },
  { program: "pkcs11-tool", package: "opensc" },
];
/** Python modules for the independent opener; Debian's own python3, whatever else is on the PATH. */
const PYTHON = "/usr/bin/python3";
const PYTHON_MODULES: readonly { readonly module: string; readonly package: string }[] = [
  { module: "cbor2", package: "python3-cbor2" },
  { module: "cryptography", package: "python3-cryptography" },
  { module: "zstandard", package: "python3-zstandard" },
];
const missing = missingPackages();
if (missing.length > 0) {
  install(missing);
}
installTpmProvider();

function missingPackages(): string[] {
  const programs = NEEDED.filter(({ program }) => !isOnPath(program));
  const modules = PYTHON_MODULES.filter(
    ({ module }) => spawnSync(PYTHON, ["-c", `import ${module}`]).status !== 0,
  );
  return [...programs, ...modules].map((needed) => needed.package);
}

function isOnPath(program: string): boolean {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => existsSync(`${folder}/${program}`));
}

function install(packages: readonly string[]): void {
  const line = `apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) {
    console.error(`These tests need system programs. Run as root: apt-get update && ${line}`);
    process.exit(1);
  }
  console.log(`Installing ${packages.join(", ")} ...`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  for (const command of ["apt-get update -qq", line]) {
    const done = spawnSync("sh", ["-c", command], {
      stdio: ["ignore", "ignore", "inherit"],
      env: environment,
    });
    if (done.status !== 0) {
      console.error(`Cannot install what the tests need: ${command}`);
      process.exit(1);
    }
  }
}
