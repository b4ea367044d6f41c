import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { AgentLock } from "../../../gateway/balena/agent-lock.ts";
import { Agent } from "../../../gateway/balena/agent.ts";
import { supervisorPlace } from "../../../gateway/balena/supervisor.ts";

const directory = mkdtempSync(join(tmpdir(), "wardgate-agent-"));
after(() => rmSync(directory, { recursive: true }));
const KEY = "0123456789abcdef0123456789abcdef";
let made = 0;

/** An agent with a supervisor that answers as balena's does: 401 without the key, 404 for what it does not know. */
async function open(t: TestContext, o: { locked?: boolean } = {}) {
  const asked: string[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    let body = "";
    request.setEncoding("utf8").on("data", (text) => (body += String(text)));
    request.on("end", () => {
      const what = `${request.method} ${request.url}`;
      asked.push(`${what} ${body}`.trim());
      const status =
        request.headers.authorization !== `Bearer ${KEY}`
          ? 401
          : o.locked === true && request.method === "POST"
            ? 423
            : (STATUS[what] ?? 404);
      const state = { status: "success", appState: "applied", secret: KEY, containers: [] };
      response.writeHead(status, { "content-type": "application/json" });
      response.end(request.method === "GET" ? JSON.stringify(state) : "");
    });
  };
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  made += 1;
  const [socket, lockPath] = [`agent-${made}.sock`, `lock-${made}`].map((n) => join(directory, n));
  const { port } = server.address() as AddressInfo;
  const agent = await Agent.open({
    socket: socket ?? "",
    lockPath: lockPath ?? "",
    supervisor: { address: `http://127.0.0.1:${port}`, key: KEY },
  });
  t.after(async () => {
    await agent.close();
    server.close();
  });
  return { agent, asked, socket: socket ?? "", lockPath: lockPath ?? "" };
}

const STATUS: Readonly<Record<string, number>> = {
  "POST /v1/update": 204,
  "POST /v1/reboot": 202,
  "GET /v2/state/status": 200,
};

async function until(what: string, is: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!is()) {
    assert.ok(Date.now() < end, what);
    await sleep(5);
  }
}

/** Says words and reads as many answers. */
async function say(path: string, ...words: string[]): Promise<{ socket: Socket; said: unknown[] }> {
  const socket = connect(path).setEncoding("utf8");
  let text = "";
  socket.on("data", (more) => (text += String(more)));
  socket.write(words.map((word) => `${word}\n`).join(""));
  await until("an answer", () => text.split("\n").length > words.length || socket.destroyed);
  return {
    socket,
    said: text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown),
  };
}

test("update, reboot and status go to the supervisor, with its key and never by force", async (t) => {
  const { asked, socket } = await open(t);
  const { said } = await say(socket, "update", "reboot", "status");
  assert.deepEqual(asked.toSorted(), [
    "GET /v2/state/status",
    'POST /v1/reboot {"force":false}',
    'POST /v1/update {"force":false}',
  ]);
  const status = { done: "status", status: "success", app: "applied" };
  assert.deepEqual(
    new Set(said.map((one) => JSON.stringify(one))).has(JSON.stringify(status)),
    true,
  );
  assert.equal(JSON.stringify(said).includes(KEY), false);
});

test("what is no word of the list reaches nobody", async (t) => {
  const { asked, socket } = await open(t);
  const { said } = await say(socket, "purge", "update now", "", "__proto__");
  for (const one of said) {
    assert.equal((one as { code: string }).code, "WARD_USAGE");
  }
  assert.deepEqual(asked, []);
});

test("a supervisor whose services hold off updates says so in plain words", async (t) => {
  const { socket } = await open(t, { locked: true });
  const { said } = await say(socket, "reboot");
  assert.equal((said[0] as { code: string }).code, "WARD_SUPERVISOR_LOCKED");
});

test("a lock lasts until everybody who wanted it has said unlock or gone", async (t) => {
  const { socket, lockPath } = await open(t);
  const first = await say(socket, "lock");
  const second = await say(socket, "lock");
  assert.equal(existsSync(lockPath), true);
  first.socket.destroy();
  await say(socket, "unlock");
  assert.equal(existsSync(lockPath), true);
  second.socket.write("unlock\n");
  await until("the lock is given back", () => !existsSync(lockPath));
});

test("the gateway's side: held while wanted, asked again after the agent was away", async (t) => {
  const { agent, socket, lockPath } = await open(t);
  const lock = new AgentLock(socket);
  const keepAsking = setInterval(() => lock.want(true), 10);
  await until("held", () => lock.isHeld);
  assert.equal(existsSync(lockPath), true);
  await agent.close();
  await until("noticed", () => !lock.isHeld);
  const again = await Agent.open({ socket, supervisor: null, lockPath });
  await until("held again", () => lock.isHeld);
  clearInterval(keepAsking);
  lock.want(false);
  await until("given back", () => !existsSync(lockPath));
  await again.close();
});

test("an endless word is cut off, and only owner and group may open the socket", async (t) => {
  const { socket } = await open(t);
  assert.equal(statSync(socket).mode & 0o777, 0o660);
  const endless = connect(socket);
  endless.on("error", () => undefined);
  const timer = setInterval(() => endless.write("x".repeat(100)), 1);
  await new Promise((done) => void endless.on("close", done));
  clearInterval(timer);
});

test("without balena's variables there is no supervisor", () => {
  assert.throws(() => supervisorPlace({}), { code: "WARD_SUPERVISOR" });
  const evil = { BALENA_SUPERVISOR_ADDRESS: "http://x/../y?z", BALENA_SUPERVISOR_API_KEY: KEY };
  assert.throws(() => supervisorPlace(evil), { code: "WARD_SUPERVISOR" });
});
