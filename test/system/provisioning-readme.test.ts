import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const README = new URL("../../provisioning/README.md", import.meta.url);
const WARDGATE = fileURLToPath(new URL("../../wardgate", import.meta.url));

/** Ends what the script has started, whatever becomes of it. */
const LAST_WILL = "trap 'kill $(jobs -p); wait' EXIT";

test("what the README says brings up two gateways on one machine, and revokes one", async () => {
  const directory = await mkdtemp(join(tmpdir(), "ward-readme-"));
  try {
    const text = await readFile(README, "utf8");
    const blocks = [...text.matchAll(/```sh\n([^]*?)```/g)].map(([, block = ""]) => block);
    const [bringUp = "", revoke = ""] = blocks;
    assert.match(bringUp, /ca init/);
    assert.match(revoke, /ca revoke/);
    const ports = await Promise.all([freePort(), freePort(), freePort()]);
    const script = [LAST_WILL, waiting(bringUp), "echo REVOKING", waiting(revoke)].join("\n");
    const { out, code } = await bash(withPorts(script, ports), directory);
    assert.equal(code, 0, out);
    const [up = "", down = ""] = out.split("REVOKING");
    assert.match(up, /gw-001 is enrolled[^]*gw-002 is enrolled/);
    assert.match(up, /broker: the gateway is connected[^]*All \d+ checks are right/);
    assert.match(up, /gateways +gw-002 .* claim +valid/);
    assert.match(down, /Revoked: [0-9a-f]+/);
    assert.match(down, /WRONG {2}broker: .*refuses our certificate.*revoked/);
    assert.match(down, /All \d+ checks are right/);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

/** A machine under load takes longer than a person would wait: each check is made until it says what it should. */
function waiting(block: string): string {
  const until = (id: string, said: string): [RegExp, string] => [
    new RegExp(`^(wardgate check --data ${id}).*$`, "gm"),
    `until $1 > check; grep '${said}' check; do sleep 1; done; cat check`,
  ];
  return block
    .replaceAll(...until("gw-001", "the gateway is connected"))
    .replaceAll(...until("gw-002", "certificate revoked"))
    .replace("sleep 3\n", "until (: < /dev/tcp/localhost/8443) 2>/dev/null; do sleep 0.2; done\n")
    .replaceAll("sleep 10\n", "");
}

function withPorts(script: string, [gateways, hubs, est]: readonly number[]): string {
  return script
    .replace("ca mosquitto", `ca mosquitto --gateway-port ${gateways} --hub-port ${hubs}`)
    .replace("ca serve", `ca serve --port ${est}`)
    .replaceAll("8883", String(gateways))
    .replaceAll("8884", String(hubs))
    .replaceAll("8443", String(est));
}

async function bash(
  script: string,
  directory: string,
): Promise<{ readonly out: string; readonly code: unknown }> {
  const path = `${dirname(WARDGATE)}:${process.env["PATH"]}:/usr/sbin`;
  const child = spawn("bash", ["-c", script], {
    cwd: directory,
    env: { ...process.env, PATH: path },
  });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
  }
  const [code] = await once(child, "close");
  return { out, code };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
