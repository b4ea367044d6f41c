import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { delimiter } from "node:path";
import process from "node:process";

import { installTpmProvider } from "./tpm-provider.ts";

/**
 * `npm run test:all`: the tests that need programs beyond the npm packages, and the short chaos runs. Installs what is
 * missing on Debian when root; otherwise says the one line to type. Nothing is skipped but the two that build an image and emulate
 * another processor: they say so, and how to have them.
 */
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
/** Types stripped once for all test processes. */
const STRIPPED = "--import=./gateway/program/stripped.js";

const missing = missingPackages();
if (missing.length > 0) {
  install(missing);
}
installTpmProvider();
const statuses = [
  // These mostly wait for programs.
  run(globSync("test/system/**/*.test.ts"), 2),
  // These mostly wait for what they have broken.
  run(globSync("test/chaos/**/*.test.ts"), 2),
];
process.exitCode = statuses.find((status) => status !== 0) ?? 0;

/** Runs test files, so many at a time; returns the exit code. */
function run(files: readonly string[], concurrency: number): number {
  const options = [
    "--test",
    "--test-timeout=300000",
    `--test-concurrency=${concurrency}`,
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=./test/compliance/results-reporter.ts",
    "--test-reporter-destination=stderr",
  ];
  const { status } = spawnSync(process.execPath, [STRIPPED, ...options, ...files.toSorted()], {
    stdio: "inherit",
  });
  return status ?? 1;
}

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
