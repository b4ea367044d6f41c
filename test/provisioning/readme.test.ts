import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const README = new URL("../../provisioning/README.md", import.meta.url);
const WARDGATE = fileURLToPath(new URL("../../wardgate", import.meta.url));
const MOSQUITTO = "/usr/sbin/mosquitto";

/** Ends what the blocks have started, whatever becomes of them. */
const LAST_WILL = "trap 'kill $(jobs -p); wait' EXIT\n";
const BLOCK = "=== block";
/** It may not have tried yet when the block looks: asked once more. mosquitto says why, our own broker in its log. */
const UNTIL_REFUSED =
  "until { wardgate check --data gw-002 > refused; grep -q 'refuses our' refused; }; do sleep 1; done; cat refused; grep -i revoked refused broker.log";
/** How long the whole walk may take (milliseconds). */
const WALK_MS = 600_000;

test("the README's blocks, pasted one by one, do what it says", { timeout: WALK_MS }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "ward-readme-"));
  try {
    const blocks = blocksOf(await readFile(README, "utf8"), await freeDecade());
    assert.equal(blocks.length, 6);
    const [bringUp = "", renew = "", revoke = "", sign = "", rollBack = "", journal = ""] =
      await bash(blocks, directory);
    assert.match(bringUp, /gw-001 is enrolled[^]*gw-002 is enrolled/);
    assert.match(bringUp, /(?:All \d+ checks are right[^]*){2}gateways +gw-002 .* claim +valid/);

    assert.match(renew, /gw-001 is enrolled.*has connected to the broker and is in use\./);
    assert.equal(renew.match(/^gateways +gw-001 .* valid$/gm)?.length, 2);
    assertNothingLost(ledgerIn(renew), ["gw-001 bed-1/oximeter", "gw-002 bed-2/oximeter"]);

    assert.match(revoke, /Revoked: [0-9a-f]+[^]*All \d+ checks are right/);
    assert.match(revoke, /WRONG {2}broker: .*refuses our certificate/);
    assert.match(revoke, /^(?:refused|broker\.log):.*revoked/m, "who is asked says why");
    assert.match(revoke, /1 of \d+ checks are wrong/);

    assert.match(sign, /1 of 2 signatures[^]*can be published[^]*Bundle 1 is kept\./);
    assert.match(rollBack, /ward-serial-line .*: Line tcp:\S+1 → tcp:\S+9\n/);
    assert.match(rollBack, /Bundle 2 was not kept: 1 of 1 devices do not deliver any more/);
    assert.match(rollBack, /All \d+ checks are right\.\n+Bundle 1 runs/);

    const steps = [
      /journal-begun/,
      /enrolment-asked accepted by local/,
      /certificate-changed done/,
      /bundle accepted by gateway step=kept version=1/,
      /bundle refused by gateway step=rolled-back version=2/,
    ];
    assert.match(journal, new RegExp(steps.map(({ source }) => source).join("[^]*")));
    assert.match(journal, /Journal of gw-001: \d+ entries\.\n(\d+) of \1 checkpoints fit\./);
    assertNothingLost(ledgerIn(journal), ["gw-001 bed-1/oximeter", "gw-002 bed-2/oximeter"]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

/** The blocks of the walk, for the ports `decade`1 to `decade`9 and with our own broker where there is no mosquitto. */
function blocksOf(readme: string, decade: number): string[] {
  const from = readme.indexOf("## From nothing to two gateways");
  const walk = readme.slice(from, readme.indexOf("\n## ", from + 1));
  const ownBroker = /`(wardgate broker [^`]+)`/.exec(walk)?.[1] ?? "";
  const text = existsSync(MOSQUITTO)
    ? walk
    : walk.replaceAll("mosquitto -c broker/mosquitto.conf", ownBroker);
  const ported = text
    .replace("ca mosquitto", `ca mosquitto --gateway-port ${decade}3 --hub-port ${decade}4`)
    .replace("ca serve", `ca serve --port ${decade}5`)
    .replaceAll("8883", `${decade}3`)
    .replaceAll("8884", `${decade}4`)
    .replaceAll("8443", `${decade}5`)
    .replaceAll(/\b400(?=[129$])/g, String(decade));
  return [...ported.matchAll(/```sh\n([^]*?)```/g)].map(([, block = ""]) => block);
}

/** What each block prints, all pasted into one shell. */
async function bash(blocks: readonly string[], cwd: string): Promise<string[]> {
  const [bringUp = "", renew = "", revoke = "", ...more] = blocks;
  const script = [LAST_WILL, bringUp, renew, `${revoke}${UNTIL_REFUSED}\n`, ...more];
  const path = `${dirname(WARDGATE)}:${process.env["PATH"]}:${dirname(MOSQUITTO)}`;
  const child = spawn("bash", ["-c", script.join(`echo; echo '${BLOCK}'\n`)], {
    cwd,
    // The same program is started dozens of times.
    env: { ...process.env, PATH: path, NODE_COMPILE_CACHE: join(cwd, "compiled") },
    timeout: WALK_MS,
  });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
  }
  const [code] = await once(child, "close");
  assert.equal(code, 0, out);
  assert.deepEqual(await processesIn(cwd), [], "nothing is left behind");
  return out.split(`${BLOCK}\n`).slice(1);
}

/** The last table of a ledger: what stands in each column, by device. */
function ledgerIn(text: string): ReadonlyMap<string, Readonly<Record<string, number>>> {
  const lines = text.slice(text.lastIndexOf("       taken")).split("\n");
  const heads = (lines[0] ?? "").trim().split(/\s{2,}/);
  return new Map(
    lines.slice(1).map((line) => {
      const [name = "", ...cells] = line.trim().split(/\s{2,}/);
      return [name, Object.fromEntries(heads.map((head, at) => [head, Number(cells[at])]))];
    }),
  );
}

/** Everything that was taken is at the hub, or was withheld because it said nothing new. */
function assertNothingLost(ledger: ReturnType<typeof ledgerIn>, devices: readonly string[]): void {
  for (const device of [...devices, "all"]) {
    const { taken = 0, kept = 0, withheld = 0, ...others } = ledger.get(device) ?? {};
    assert.ok(taken > 0, device);
    assert.equal(kept + withheld, taken, `${device}: ${JSON.stringify(others)}`);
    assert.equal(others["gaps"], 0);
    assert.equal(others["unaccounted"], 0);
  }
}

/** Nine ports in a row, of which nobody uses those that the walk does: `decade`1, `decade`2, ... */
async function freeDecade(): Promise<number> {
  for (;;) {
    const decade = randomInt(1100, 3200);
    const free = await Promise.all([1, 2, 3, 4, 5, 9].map((last) => isFree(decade * 10 + last)));
    if (free.every(Boolean)) {
      return decade;
    }
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  return await new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.once("listening", () => server.close(() => resolve(true)));
  });
}

/** Processes that run in a directory. */
async function processesIn(directory: string): Promise<string[]> {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const places = await Promise.all(ids.map((id) => readlink(`/proc/${id}/cwd`).catch(() => "")));
  return ids.filter((_, at) => places[at] === directory);
}
