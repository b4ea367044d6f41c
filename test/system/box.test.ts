import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { demoFlow } from "../../flows/demo-flow.ts";
import { command as journal } from "../../gateway/commands/journal.ts";
import { askControl } from "../../gateway/house/control.ts";
import { numberAt, textAt } from "../../gateway/json-value.ts";
import { NODE_OPTIONS } from "../../gateway/program/options.ts";
import { needSimulator } from "../../gateway/simulate/registry.ts";
import { claimText } from "../../provisioning/fleet/fleet-keys.ts";
import { EstSite } from "../provisioning/est-site.ts";
import { signedSite } from "../provisioning/fleet/certified.ts";
import { run } from "../gateway/commands/wardgate.ts";

const MAIN = fileURLToPath(new URL("../../gateway/main.ts", import.meta.url));
const MODEL = "nonin-format7";

/** A service of the box: the lines that it prints, and its end. */
class Service {
  readonly lines: unknown[] = [];
  readonly ended: Promise<unknown[]>;
  readonly #child: ReturnType<typeof spawn>;
  words = "";

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [...NODE_OPTIONS, MAIN, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"], ...environment },
    });
    this.ended = once(this.#child, "close");
    const { stdout, stderr } = this.#child;
    stderr?.on("data", (text) => (this.words += String(text)));
    if (stdout !== null) {
      createInterface({ input: stdout }).on("line", (line) => this.lines.push(JSON.parse(line)));
    }
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.ended;
  }
}

async function until(what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 120_000;
  while (!(await is())) {
    assert.ok(Date.now() < end, what);
    await sleep(200);
  }
}

/** A box with one oximeter on a serial port, brought up from nothing but its variables. */
async function openBox(t: TestContext, environment: Readonly<Record<string, string>>) {
  const est = await EstSite.open();
  const device = await needSimulator(MODEL).start({ line: "pty", seed: 1 });
  const [devices, ports] = ["dev", "ports"].map((name) => join(est.directory, name));
  [devices, ports].forEach((folder) => mkdirSync(folder ?? ""));
  symlinkSync(device.url.replace(/^serial:|\?.*$/g, ""), join(devices ?? "", "usb-1"));
  const line = `serial:${ports}/usb-1.sock`;
  const place = ["--directory", ports ?? "", "--devices", devices ?? ""];
  const server = new Service(["ports", ...place, "--match", "usb-*", "--json"]);
  const flows = demoFlow([
    { device: "bed-1/oximeter", model: MODEL, line, unit: null, kind: "stream" },
  ]);
  const site = signedSite(est.authority, {
    gateway: "east-a",
    lines: [line],
    flows: flows.map((node) => ({ ...node })),
  });
  const data = join(est.directory, "data");
  await until("the port is shared", () => existsSync(`${ports}/usb-1.sock`));
  const gateway = new Service(["boot", "--data", data, "--no-editor", "--json"], {
    ...environment,
    WARD_CLAIM: await claimText(est.authority, {
      gateway: "east-a",
      server: est.url,
      validMs: 3_600_000,
    }),
    WARD_SITE: Buffer.from(site).toString("base64"),
  });
  t.after(async () => {
    await gateway.stop();
    await server.stop();
    await device.close();
    await est.close();
  });
  return { gateway, server, data };
}

test("a box comes up from its variables, reads a port that it has no rights to, and ends itself when data stands still", async (t) => {
  const { gateway, data } = await openBox(t, {
    WARD_HEALTH_AGE_S: "10",
    WARD_HEALTH_EXIT_S: "1",
    WARD_HANG_MS: "120000",
  });
  const health = async (): Promise<unknown> => askControl(data, "health").catch(() => null);
  await until(`data moves: ${gateway.words}`, async () =>
    textAt(await health(), "text").startsWith("1 devices deliver"),
  );
  const checked = new Service(["health", "--data", data, "--json"]);
  assert.equal((await checked.ended)[0], 0);
  const running = gateway.lines.find((said) => textAt(said, "event") === "running");
  const keeper = numberAt(running, "pids", "keeper");
  assert.ok(keeper > 0);
  process.kill(keeper, "SIGSTOP");
  const [code] = await gateway.ended;
  assert.equal(code, 1);
  assert.match(
    gateway.words,
    /wardgate boot: Cannot go on: \d+ takes wait and none came to an end for \d+ s/,
  );
  const told = await run(journal, ["show", "--data", data, "--kind", "house-given-up"]);
  assert.match(told.stdout, /house-given-up failed by gateway/, "although its keeper stood still");
});
