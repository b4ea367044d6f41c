import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import { Agent, request, type RequestOptions } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";

import fc from "fast-check";

import { Listener } from "../../../gateway/console/listener.ts";
import { Logins } from "../../../gateway/console/login.ts";
import { LOCAL, Sessions } from "../../../gateway/console/sessions.ts";
import { StaticFiles } from "../../../gateway/console/static-files.ts";
import { openConsole } from "../../fakes/console-kit.ts";

const directory = mkdtempSync(join(tmpdir(), "wardgate-listener-"));
/** What the editor answers on these paths, byte for byte. */
const ODD_ANSWERS: Readonly<Record<string, string>> = {
  "/status-099": "HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n",
  "/switches": "HTTP/1.1 101 Odd\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
  "/no-http": "Hello\r\n\r\n",
  "/hops":
    "HTTP/1.1 200 OK\r\nTrailer: X-Late\r\nProxy-Authenticate: Basic\r\nX-Named: 1\r\nConnection: x-named\r\nKeep-Alive: timeout=9\r\nSet-Cookie: __Host-wardgate=x; Path=/; Secure\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok",
};
const editorSaw: string[] = [];
const editor = createServer((incoming, response) => {
  editorSaw.push(`${incoming.method} ${incoming.url}`);
  const odd = ODD_ANSWERS[incoming.url ?? ""];
  if (odd !== undefined) {
    incoming.socket.end(odd);
    return;
  }
  const { url, headers } = incoming;
  let body = "";
  incoming.on("data", (chunk: Buffer) => {
    body += chunk.toString();
  });
  incoming.on("end", () => {
    const about = incoming.url === "/echo" ? { headers, body } : {};
    response.end(JSON.stringify({ url, cookie: headers.cookie ?? null, ...about }));
  });
});
editor.on("upgrade", (incoming, socket) => {
  if (incoming.headers["x-refuse"] !== undefined) {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
  } else {
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSet-Cookie: a=b\r\n\r\n",
    );
  }
  socket.on("data", (chunk: Buffer) => {
    editorSaw.push(`raw ${chunk.toString()}`);
    socket.write(`echo ${chunk.toString()}`);
  });
});

const pairs = `\0wardgate-test-${process.pid}`;
let listener: Listener;
let port = 0;
let editorAway = false;
let journalProblem: Error | null = null;
const journalled: string[] = [];
let now = 0;

/** What would have ended the process. */
const fatal: unknown[] = [];
process.on("uncaughtException", (error) => fatal.push(error));
process.on("unhandledRejection", (error) => fatal.push(error));
afterEach(() => assert.deepEqual(fatal.splice(0), []));

before(async () => {
  editor.listen(pairs);
  const making =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:gate.ward.example,IP:192.0.2.7";
  const files = ["-keyout", join(directory, "key"), "-out", join(directory, "crt")];
  execFileSync("openssl", [...making.split(" "), ...files], { stdio: "ignore" });
  listener = new Listener({
    host: "127.0.0.1",
    port: 0,
    cert: readFileSync(join(directory, "crt"), "utf8"),
    key: readFileSync(join(directory, "key"), "utf8"),
    now: () => now,
    limits: { handshakeMs: 1000, headersMs: 1500 },
    console: openConsole({ now: () => now }).console,
    files: new StaticFiles(join(directory, "no-pages")),
    journal: async (event) => {
      if (journalProblem !== null) {
        throw journalProblem;
      }
      journalled.push(event.kind);
    },
    connectEditor: async () => {
      if (editorAway) {
        throw new Error("the flow is not running");
      }
      const near = connect(pairs);
      await once(near, "connect");
      return near;
    },
  });
  port = await listener.open();
});

after(async () => {
  await listener.close();
  editor.closeAllConnections();
  editor.close();
  rmSync(directory, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

function toListener(path: string): RequestOptions {
  return { host: "127.0.0.1", port, path, rejectUnauthorized: false, agent: false };
}

function ask(path: string, options: RequestOptions = {}, sent = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...toListener(path), ...options });
    asked.on("error", reject);
    asked.on("response", (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    asked.end(sent);
  });
}

/** Opens /comms, or another path: what the channel says to "hello", or the status that refuses it. */
function upgrade(
  headers: Record<string, string>,
  { path = "/flow/comms", method = "GET" } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({
      ...toListener(path),
      method,
      headers: { connection: "Upgrade", upgrade: "websocket", ...headers },
    });
    asked.on("upgrade", (_response, socket) => {
      socket.write("hello");
      socket.once("data", (chunk: Buffer) => {
        socket.destroy();
        resolve(chunk.toString());
      });
    });
    asked.on("response", (response) => resolve(String(response.statusCode)));
    asked.on("error", reject);
    asked.end();
  });
}

async function channelTo(): Promise<TLSSocket> {
  const channel = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(channel, "secureConnect");
  return channel;
}

/** Sends these bytes; what comes back until the other side closes, or with `end` until it has nothing more to say. */
async function raw(bytes: string, end = false): Promise<string> {
  const channel = await channelTo();
  let text = "";
  channel.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  const closed = closeOf(channel);
  if (end) {
    channel.end(bytes, "latin1");
  } else {
    channel.write(bytes, "latin1");
  }
  await closed;
  return text;
}

function closeOf(socket: Socket): Promise<void> {
  socket.on("error", () => undefined);
  socket.resume();
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
  });
}

async function login(): Promise<string> {
  const answer = await ask(`/login?token=${listener.issueLogin()}`);
  assert.equal(answer.status, 200);
  return String(answer.headers["set-cookie"]).split(";")[0] ?? "";
}

test("without a login nothing of the editor is reached, and the page says what to do", async () => {
  for (const path of ["/flow/", "/flow/flows", "/flow/comms", "/flow//flows", "/flow/ward/board"]) {
    const answer = await ask(path);
    assert.equal(answer.status, 401);
    assert.match(answer.body, /login/i);
    assert.match(String(answer.headers["content-security-policy"]), /frame-ancestors 'none'/);
  }
});

test("a login works once, and its session reaches the editor without passing its cookie on", async () => {
  const token = listener.issueLogin();
  const first = await ask(`/login?token=${token}`);
  assert.equal(first.status, 200);
  assert.match(String(first.headers["set-cookie"]), /Secure; HttpOnly; SameSite=Strict/);
  assert.equal((await ask(`/login?token=${token}`)).status, 401);
  const cookie = String(first.headers["set-cookie"]).split(";")[0] ?? "";
  const answer = await ask("/flow/flows", { headers: { cookie } });
  assert.equal(answer.status, 200);
  assert.deepEqual(JSON.parse(answer.body), { url: "/flows", cookie: null });
});

test("another page's request is refused even with a session", async () => {
  const cookie = await login();
  const answer = await ask("/flow/flows", {
    method: "POST",
    headers: { cookie, origin: "https://evil.example" },
  });
  assert.equal(answer.status, 403);
});

test("an upgrade needs a session and our own origin, and then carries bytes both ways", async () => {
  const cookie = await login();
  const origin = `https://127.0.0.1:${port}`;
  assert.equal(await upgrade({ origin }), "401");
  assert.equal(await upgrade({ cookie }), "401");
  assert.equal(await upgrade({ cookie, origin: "https://evil.example" }), "401");
  assert.equal(await upgrade({ cookie, origin }), "echo hello");
});

test("only a GET to /comms becomes a websocket", async () => {
  const own = { cookie: await login(), origin: `https://127.0.0.1:${port}` };
  assert.equal(await upgrade(own, { path: "/flow/flows" }), "400");
  assert.equal(await upgrade(own, { method: "POST" }), "400");
  assert.equal(await upgrade({ ...own, upgrade: "h2c" }), "400");
  assert.equal(await upgrade({ ...own, "content-length": "5" }), "400");
});

test("an upgrade that the editor does not make is no channel past the listener", async () => {
  const cookie = await login();
  const seen = editorSaw.length;
  const answered = await raw(
    `GET /flow/comms HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nOrigin: https://127.0.0.1:${port}\r\nCookie: ${cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Refuse: 1\r\n\r\nDELETE /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`,
  );
  assert.match(answered, /^HTTP\/1\.1 502 /);
  assert.doesNotMatch(answered, /echo|200 OK/);
  assert.deepEqual(editorSaw.slice(seen), []);
});

test("the editor's part of an upgrade passes on nothing but the websocket", async () => {
  const cookie = await login();
  const answered = new Promise<Answer["headers"]>((resolve, reject) => {
    const asked = request({
      ...toListener("/flow/comms"),
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        cookie,
        origin: `https://127.0.0.1:${port}`,
      },
    });
    asked.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve(response.headers);
    });
    asked.on("error", reject);
    asked.end();
  });
  assert.deepEqual({ ...(await answered) }, { connection: "Upgrade", upgrade: "websocket" });
});

test("a request that is no address is answered 400, and the listener goes on", async () => {
  const answered = await raw("GET //[ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  assert.match(answered, /^HTTP\/1\.1 400 /);
  const asterisk = "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  assert.match(await raw(asterisk), /^HTTP\/1\.1 400 /);
  assert.equal((await ask("/api/me")).status, 401);
});

test("nothing that a stranger sends ends the listener or gets past it", async () => {
  const seen = editorSaw.length;
  const word = fc.oneof(
    fc.constantFrom(
      "/",
      "//[",
      "/login?token=%",
      "*",
      "http://[",
      "/flow/comms",
      "/api/me",
      "/flow/ward/board",
      ":",
      "%00",
      "CONNECT",
    ),
    fc.string({ maxLength: 20 }),
  );
  const header = fc.constantFrom(
    "Connection: Upgrade\r\nUpgrade: websocket\r\n",
    "Origin: https://localhost\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Content-Length: 3\r\n",
    "Expect: 100-continue\r\n",
    "Cookie: __Host-wardgate=;;=\r\n",
    "Host: [\r\n",
    "\0\xff",
  );
  const method = fc.constantFrom("GET", "POST", "OPTIONS", "CONNECT", "PRI", "G T");
  await fc.assert(
    fc.asyncProperty(method, word, fc.array(header, { maxLength: 4 }), async (verb, path, more) => {
      const head = `${verb} ${path} HTTP/1.1\r\nHost: localhost\r\n`;
      const answered = await raw(`${head}${more.join("")}\r\nabc`, true);
      assert.match(answered, /^$|^HTTP\/1\.1 (100|4\d\d) /);
    }),
    { numRuns: 60 },
  );
  assert.equal((await ask("/api/me")).status, 401);
  assert.deepEqual(editorSaw.slice(seen), []);
});

test("while the flow is away the editor is answered for with 503", async () => {
  const cookie = await login();
  editorAway = true;
  try {
    const answer = await ask("/flow/flows-away", { headers: { cookie } });
    assert.equal(answer.status, 503);
    assert.match(answer.body, /starting/);
    const origin = `https://127.0.0.1:${port}`;
    assert.equal(await upgrade({ cookie, origin }), "503");
  } finally {
    editorAway = false;
  }
});

test("an answer of the editor that cannot be passed on is a 502", async () => {
  const cookie = await login();
  for (const path of ["/flow/status-099", "/flow/switches", "/flow/no-http"]) {
    assert.equal((await ask(path, { headers: { cookie } })).status, 502, path);
  }
  assert.equal((await ask("/flow/flows", { headers: { cookie } })).status, 200);
});

test("what concerns one connection only is passed on in neither direction (RFC 9110, 7.6.1)", async () => {
  const cookie = await login();
  const headers = {
    cookie,
    connection: "keep-alive, x-named, content-length",
    "x-named": "1",
    "x-kept": "1",
    te: "trailers",
    "keep-alive": "timeout=9",
    "proxy-authorization": "Basic eDp5",
    "proxy-connection": "keep-alive",
    "content-length": "5",
  };
  const asked = await ask("/flow/echo", { method: "DELETE", headers }, "hello");
  const echoed = JSON.parse(asked.body) as { headers: Record<string, string>; body: string };
  assert.equal(echoed.body, "hello");
  assert.deepEqual(Object.keys(echoed.headers).sort(), [
    "connection",
    "content-length",
    "host",
    "x-kept",
  ]);
  assert.equal(echoed.headers["connection"], "keep-alive");
  const answer = await ask("/flow/hops", { headers: { cookie } });
  assert.equal(answer.body, "ok");
  assert.equal(answer.headers["x-kept"], "1");
  for (const name of ["trailer", "proxy-authenticate", "x-named", "set-cookie"]) {
    assert.equal(answer.headers[name], undefined, name);
  }
});

test("a body of unknown length stays one body, whatever the method", async () => {
  const headers = { cookie: await login(), "transfer-encoding": "chunked" };
  const body = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  const asked = await ask("/flow/echo", { method: "DELETE", headers }, body);
  assert.equal((JSON.parse(asked.body) as { body: string }).body, body);
  assert.ok(!editorSaw.includes("GET /smuggled"));
});

test("only the names of this gateway are answered, so that no other name can be bound to it", async () => {
  const names = ["localhost", "127.0.0.1:1", "[::1]:8443", "LOCALHOST", "gate.ward.example"];
  for (const host of [...names, "192.0.2.7:443"]) {
    assert.equal((await ask("/api/me", { headers: { host } })).status, 401, host);
  }
  const token = listener.issueLogin();
  for (const host of [
    "evil.example",
    "localhost.evil.example",
    "192.0.2.8",
    "a@localhost",
    "[::2]",
  ]) {
    assert.equal((await ask(`/login?token=${token}`, { headers: { host } })).status, 421, host);
  }
  assert.match(await raw("GET / HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 421 /);
  assert.equal((await ask(`/login?token=${token}`)).status, 200);
  const own = { cookie: await login(), host: "evil.example", origin: "https://evil.example" };
  assert.equal(await upgrade(own), "421");
});

test("idle connections lock nobody out, and are closed", async () => {
  const cookie = await login();
  const kept = new Agent({ keepAlive: true, maxSockets: 1 });
  const mine = { agent: kept, headers: { cookie } };
  assert.equal((await ask("/flow/flows", mine)).status, 200);
  const idle = Array.from({ length: 128 }, () => connect(port, "127.0.0.1"));
  const closed = Promise.all(idle.map(closeOf));
  await Promise.all(idle.map((socket) => once(socket, "connect")));
  assert.equal((await ask("/api/me")).status, 401);
  const [free] = Object.values(kept.freeSockets).flat();
  assert.equal((await ask("/flow/flows", mine)).status, 200);
  assert.equal(Object.values(kept.freeSockets).flat()[0], free, "the session's connection was cut");
  kept.destroy();
  const quiet = await channelTo();
  const half = await channelTo();
  half.write("GET / HTTP/1.1\r\nHost:");
  await Promise.all([closed, closeOf(quiet), closeOf(half)]);
});

test("a login that nobody used expires; only a used one calls for the next", async () => {
  const token = listener.issueLogin();
  assert.ok(listener.loginWaiting);
  assert.ok(!listener.loginDue);
  now += 10 * 60_000 + 1;
  assert.ok(!listener.loginWaiting);
  assert.ok(!listener.loginDue);
  const late = await ask(`/login?token=${token}`);
  assert.equal(late.status, 401);
  assert.equal(late.headers["set-cookie"], undefined);
  assert.match(late.body, /this login has expired/i);
  assert.match(late.body, /wardgate login --data DIR/);
  assert.doesNotMatch((await ask("/login?token=x")).body, /expired/);
  await login();
  assert.ok(listener.loginDue);
});

test("TLS 1.2 is refused", async () => {
  await assert.rejects(ask("/", { maxVersion: "TLSv1.2" }));
});

test("a new one-time login replaces the one before, and works once", () => {
  const logins = new Logins(() => 0);
  const old = logins.issue();
  const token = logins.issue();
  assert.equal(logins.redeem(old), "unknown");
  assert.equal(logins.redeem(token), null);
  assert.equal(logins.redeem(token), "unknown");
});

test("a session ends when nobody uses it, or when its account has changed", () => {
  let clock = 0;
  const ended: string[] = [];
  const sessions = new Sessions(
    () => clock,
    ({ person }, why) => ended.push(`${person.name} ${why}`),
  );
  const local = sessions.open(LOCAL);
  const nurse = { name: "ada", who: "person/ada", roles: ["nurse"], wards: ["north"] } as const;
  const [idle, busy] = [sessions.open(nurse), sessions.open(nurse)];
  for (let minutes = 0; minutes < 20; minutes += 10) {
    clock += 10 * 60_000;
    sessions.use(busy.id);
  }
  assert.equal(sessions.look(idle.id), null);
  assert.notEqual(sessions.look(local.id), null);
  let closed = 0;
  sessions.use(busy.id)?.channels.add(() => (closed += 1));
  sessions.changed("ada", { ...nurse, roles: ["doctor"] });
  assert.deepEqual(sessions.look(busy.id)?.person.roles, ["doctor"]);
  assert.equal(closed, 1);
  sessions.changed("ada", null);
  assert.equal(sessions.use(busy.id), null);
  for (let hours = 0; hours <= 12; hours += 6) {
    clock += 6 * 3_600_000;
    sessions.use(local.id);
  }
  assert.equal(sessions.use(local.id), null, "12 hours are the most");
  assert.equal(sessions.use(""), null);
  assert.deepEqual(ended, ["ada idle", "ada changed", "local idle"]);
});

test("who logs in, looks at values or deploys is written down first, and a look not again and again", async () => {
  journalled.length = 0;
  const cookie = await login();
  for (const path of [
    "/flow/ward/board",
    "/flow/ward/board",
    "/flow/ward/test?id=1",
    "/flow/flows",
    "/flow/nodes",
  ]) {
    assert.equal((await ask(path, { headers: { cookie } })).status, 200);
  }
  const deploy = { method: "POST", headers: { cookie } };
  assert.equal((await ask("/flow/flows", deploy)).status, 200);
  assert.equal((await ask("/flow/flow/1", { ...deploy, method: "PUT" })).status, 200);
  assert.equal((await ask("/login?token=wrong")).status, 401);
  now += 601_000;
  assert.equal((await ask("/flow/ward/board", { headers: { cookie } })).status, 200);
  assert.deepEqual(journalled, [
    "login",
    "view",
    "view",
    "deploy-requested",
    "deploy-requested",
    "login-refused",
    "view",
  ]);
});

test("what cannot be written down is not done", async () => {
  const cookie = await login();
  journalProblem = new Error("the disk is full");
  try {
    const token = listener.issueLogin();
    const refused = await ask(`/login?token=${token}`);
    assert.equal(refused.status, 503);
    assert.equal(refused.headers["set-cookie"], undefined);
    assert.match(refused.body, /writes down who does what/);
    assert.equal((await ask("/flow/ward/board", { headers: { cookie } })).status, 503);
    assert.equal((await ask("/flow/flows", { method: "POST", headers: { cookie } })).status, 503);
    assert.equal((await ask("/flow/flows", { headers: { cookie } })).status, 200);
  } finally {
    journalProblem = null;
  }
});
