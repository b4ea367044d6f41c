import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Agent } from "../../gateway/balena/agent.ts";
import { lockDataDirectory } from "../../gateway/data-lock.ts";
import { askControl, serveControl } from "../../gateway/house/control.ts";
import { PortServer, type PortEvent } from "../../gateway/port-server/port-server.ts";
import { openPty } from "../../gateway/simulate/pty.ts";
import { socketPair } from "../../gateway/socket-pair.ts";
import { DEEP_JSON, gone, heard, isPolluted, POLLUTING } from "../fakes/hostile-kit.ts";

/** The sockets of one machine: a gateway's control socket, the agent's, shared ports, locks and socket pairs. */

const HOLDER = fileURLToPath(new URL("../fakes/busy-holder.ts", import.meta.url));
const STRIPPED = new URL("../../gateway/program/stripped.js", import.meta.url).href;
let directory: string;
let places = 0;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "ward-hostile-local-"));
});
after(() => rmSync(directory, { recursive: true }));

function place(): string {
  places += 1;
  const path = join(directory, String(places));
  mkdirSync(path);
  return path;
}

function dial(path: string): Socket {
  const socket = connect(path);
  socket.on("error", () => undefined);
  return socket;
}

async function say(path: string, text: string): Promise<string> {
  const socket = dial(path);
  socket.end(text);
  return await heard(socket);
}

test("a gateway's control socket answers its own questions, and nothing else that anybody says", async () => {
  const data = place();
  const asked: string[] = [];
  const server = await serveControl(data, {
    ask: async (_room, what) => {
      asked.push(what);
      return { written: true };
    },
    stats: () => ({ fine: true }),
    facts: () => ({}),
    health: () => ({ state: "good", text: "", forMs: 0 }),
  });
  const path = join(data, "control.sock");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const question = (asking: string, argument = ""): string =>
    `${JSON.stringify({ question: asking, argument })}\n`;
  const event = (value: object): string =>
    question("journal-append", Buffer.from(JSON.stringify(value)).toString("base64"));
  const local = { kind: "outbox-salvaged", who: "local/uid-0", outcome: "done", what: {} };
  const evil = [
    `${DEEP_JSON}\n`,
    ...POLLUTING.map((text) => `${text}\n`),
    question("__proto__"),
    question("constructor"),
    question("toString"),
    question("outbox-read", "../../x; rm\n"),
    question("journal-append", Buffer.from(DEEP_JSON).toString("base64")),
    question("journal-append", "!"),
    event({ ...local, who: "hub" }),
    event({ ...local, who: "gateway" }),
    event({ ...local, kind: "login", what: { session: "00112233" } }),
    event({ ...local, kind: "house-stopped" }),
    event({ ...local, what: { text: "SpO2 98 %" } }),
    question("outbox-receipt", "x".repeat(2_200_000)),
  ];
  for (const text of evil) {
    const answer = await say(path, text);
    assert.match(answer, /^\{"code":"[A-Z_]+","error":"/, text.slice(0, 60));
  }
  assert.deepEqual(asked, [], "nothing of it got to a room");
  assert.equal(isPolluted(), false);
  const endless = dial(path);
  const said = new Promise<string>((resolve) =>
    endless.once("data", (chunk) => resolve(String(chunk))),
  );
  const fill = (): void => {
    while (!endless.destroyed && endless.write("x".repeat(65_536))) {
      // Until the socket takes no more.
    }
  };
  endless.on("drain", fill);
  fill();
  assert.match(await said, /too long/);
  endless.destroy();
  const mute = Array.from({ length: 30 }, () => dial(path));
  mute.forEach((socket) => socket.destroy());
  let answer: unknown = null;
  while (answer === null) {
    answer = await askControl(data, "bedside").catch(() => null);
  }
  assert.deepEqual(answer, { fine: true });
  server.close();
});

test("the agent answers only so much at a time, and is neither filled nor held up by one who does not read", async (t) => {
  const supervisor = createServer(() => undefined).listen(0, "127.0.0.1");
  t.after(() => {
    supervisor.closeAllConnections();
    supervisor.close();
  });
  await new Promise((resolve) => supervisor.once("listening", resolve));
  const address = supervisor.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const socket = join(place(), "agent.sock");
  const agent = await Agent.open({
    socket,
    supervisor: { address: `http://127.0.0.1:${port}`, key: "k" },
    lockPath: join(directory, "updates.lock"),
  });
  t.after(async () => await agent.close());
  const flood = dial(socket);
  flood.write("status\n".repeat(1000));
  await gone(flood);
  const deaf = dial(socket);
  // Each is answered at once with a refusal that nobody takes.
  for (let words = 0; !deaf.destroyed && words < 1_000_000; words += 16) {
    deaf.write("no such word\n".repeat(16));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(deaf.destroyed);
  const good = dial(socket);
  good.write("no\n");
  const answer = await new Promise((resolve) => good.once("data", resolve));
  assert.match(String(answer), /WARD_USAGE/);
  good.destroy();
});

test("nobody holds off updates for ever, however often the lock is asked for", async (t) => {
  const socket = join(place(), "agent.sock");
  const lockPath = join(directory, "held.lock");
  const hold = { mostMs: 200, restMs: 60_000 };
  const agent = await Agent.open({ socket, supervisor: null, lockPath, hold });
  t.after(async () => await agent.close());
  const holders = [dial(socket), dial(socket)];
  holders.forEach((holder) => holder.write("lock\n"));
  await Promise.all(holders.map((holder) => heard(holder)));
  while (existsSync(lockPath)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const again = dial(socket);
  again.write("lock\n");
  const answer = await new Promise((resolve) => again.once("data", resolve));
  assert.match(String(answer), /held off for too long/);
  assert.equal(existsSync(lockPath), false);
  again.destroy();
});

test("a shared port survives whatever its client says, and is free for the next", async (t) => {
  const pty = await openPty(() => undefined);
  const events: PortEvent[] = [];
  const folder = place();
  const server = await PortServer.open({
    directory: folder,
    patterns: [pty.path],
    onEvent: (event) => events.push(event),
    lookMs: 50,
  });
  t.after(async () => {
    await server.close();
    await pty.close();
  });
  const path = join(folder, `${pty.path.split("/").at(-1) ?? ""}.sock`);
  assert.equal(statSync(path).mode & 0o007, 0, "nobody but owner and group");
  const evil = [
    Buffer.alloc(200_000, 0xff),
    Buffer.concat([Buffer.from([0xff, 0xfa, 44]), Buffer.alloc(500_000, 1)]),
    Buffer.from([0xff, 0xfa, 44, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0]),
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    Buffer.concat(Array.from({ length: 5000 }, () => Buffer.from([0xff, 0xfd, 44]))),
  ];
  for (const bytes of evil) {
    const { length } = events.filter(({ event }) => event === "closed");
    const socket = dial(path);
    socket.write(bytes);
    socket.end();
    await gone(socket);
    while (events.filter(({ event }) => event === "closed").length <= length) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  const first = dial(path);
  await new Promise((resolve) => first.once("connect", resolve));
  const second = dial(path);
  await gone(second);
  first.destroy();
});

test("strangers at the names of locks and socket pairs keep nobody out and get nothing", async () => {
  const data = place();
  const lock = await lockDataDirectory(data);
  await assert.rejects(lockDataDirectory(data), { code: "WARD_DATA_LOCKED" });
  lock.release();

  const busy = place();
  const args = [`--import=${STRIPPED}`, HOLDER, busy, "2000"];
  const holder = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  await once(holder.stdout, "data");
  await assert.rejects(
    lockDataDirectory(busy),
    { code: "WARD_DATA_LOCKED" },
    "busy, not a stranger",
  );
  holder.kill("SIGKILL");
  await once(holder, "exit");
  (await lockDataDirectory(busy)).release();

  const [near, far] = await socketPair();
  far.resume();
  near.destroy();
  far.destroy();
});
