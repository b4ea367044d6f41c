import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { PROJECT } from "../tidy/tree.ts";
import { canTry, debianSuite, runProgram } from "./programs.ts";

/**
 * Builds the image without a container engine: buildah, on a Debian that mmdebstrap makes, with the Node.js of the lockfile in the
 * place of the official image, whose layout it has.
 */
test("the image builds, runs as nobody special, and holds the gateway alone", (t) => {
  const install = "buildah mmdebstrap";
  if (!canTry(t, { variable: "WARD_TEST_IMAGE", programs: ["buildah", "mmdebstrap"], install })) {
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), "wardgate-image-"));
  const places = ["--root", join(directory, "storage"), "--runroot", join(directory, "run")];
  const buildah = (...args: readonly string[]): string =>
    runProgram("buildah", ["--storage-driver", "vfs", ...places, ...args]).trim();
  t.after(() => {
    buildah("rm", "--all");
    rmSync(directory, { recursive: true, force: true });
  });
  const base = baseImage(directory, buildah);
  const npm = [
    "--volume",
    `${homedir()}/.npm:/root/.npm`,
    "--volume",
    `${homedir()}/.npmrc:/root/.npmrc:ro`,
  ];
  buildah(
    "build",
    "--isolation=chroot",
    "--format=docker",
    "--pull-never",
    ...npm,
    `--build-arg=NODE_IMAGE=${base}`,
    `--file=${join(PROJECT, "provisioning/Dockerfile")}`,
    "--tag=wardgate",
    PROJECT,
  );

  const { Docker } = JSON.parse(buildah("inspect", "--type=image", "wardgate")) as Inspected;
  assert.equal(Docker.config.User, "10001:10001");
  assert.deepEqual(Docker.config.Cmd, ["boot", "--data", "/data", "--no-editor"]);
  assert.deepEqual(Docker.config.Healthcheck.Test.slice(-3), ["health", "--data", "/data"]);

  const container = buildah("from", "--pull-never", "wardgate");
  const run = (...args: readonly string[]): string =>
    buildah("run", "--isolation=chroot", container, "--", ...args);
  const main = ["node", "--import=/app/gateway/program/stripped.js", "/app/gateway/main.ts"];
  assert.match(run(...main, "--version"), /^\d+\.\d+\.\d+$/);
  for (const verb of ["boot", "health", "ports", "agent", "guard"]) {
    assert.match(run(...main, verb, "--help"), new RegExp(`^Usage: wardgate ${verb}`));
  }
  assert.equal(run("id", "-u"), "10001");
  assert.equal(
    run("stat", "-c", "%u:%g %a", "/data", "/run/ward/ports", "/run/ward/guard"),
    "10001:10001 700\n0:10001 2770\n0:10001 2750",
  );
  assert.match(run("/usr/sbin/nft", "--version"), /^nftables v/);
  run("sh", "-c", "command -v flock && command -v mount");
  run(
    "sh",
    "-c",
    "! command -v npm && ! test -e /app/hub && ! test -e /app/provisioning && ! test -e /app/test",
  );
  run(
    "sh",
    "-c",
    "! test -e /app/node_modules/balena-sdk && test -d /app/node_modules/classic-level",
  );
});

interface Inspected {
  readonly Docker: {
    readonly config: {
      readonly User: string;
      readonly Cmd: readonly string[];
      readonly Healthcheck: { readonly Test: readonly string[] };
    };
  };
}

/** Makes an image like the official one; returns its name with its digest. */
function baseImage(directory: string, buildah: (...args: readonly string[]) => string): string {
  const root = join(directory, "root");
  // What Node.js itself is linked to; the official image has it too.
  const minimal = ["--variant=minbase", "--mode=root", "--include=libatomic1"];
  runProgram("mmdebstrap", [...minimal, debianSuite(), root]);
  const local = join(root, "usr/local");
  cpSync(process.execPath, join(local, "bin/node"));
  const npm = runProgram("sh", [
    "-c",
    'dirname "$(dirname "$(readlink -f "$(command -v npm)")")"',
  ]).trim();
  mkdirSync(join(local, "lib/node_modules"), { recursive: true });
  cpSync(npm, join(local, "lib/node_modules/npm"), { recursive: true, dereference: true });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(local, "bin/npm"));
  const container = buildah("from", "scratch");
  buildah("add", container, root, "/");
  buildah("commit", container, "localhost/node");
  const digest = buildah("images", "--no-trunc", "--format={{.Digest}}", "localhost/node");
  return `localhost/node@${digest}`;
}
