import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import { request, type RequestOptions } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Listener } from "../../../gateway/console/listener.ts";
import { Logins } from "../../../gateway/console/login.ts";

const directory = mkdtempSync(join(tmpdir(), "wardgate-listener-"));
const editor = createServer((incoming, response) => {
  response.end(JSON.stringify({ url: incoming.url, cookie: incoming.headers.cookie ?? null }));
});
editor.on("upgrade", (_incoming, socket) => {
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
  );
  socket.on("data", (chunk: Buffer) => socket.write(`echo ${chunk.toString()}`));
});

const pairs = `\0wardgate-test-${process.pid}`;
let listener: Listener;
let port = 0;

before(async () => {
  editor.listen(pairs);
  const making =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost";
  const files = ["-keyout", join(directory, "key"), "-out", join(directory, "crt")];
  execFileSync("openssl", [...making.split(" "), ...files], { stdio: "ignore" });
  listener = new Listener({
    host: "127.0.0.1",
    port: 0,
    cert: readFileSync(join(directory, "crt"), "utf8"),
    key: readFileSync(join(directory, "key"), "utf8"),
    connectEditor: async () => {
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

function ask(path: string, options: RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({
      host: "127.0.0.1",
      port,
      path,
      rejectUnauthorized: false,
      agent: false,
      ...options,
    });
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
    asked.end();
  });
}

async function login(): Promise<string> {
  const answer = await ask(`/login?token=${listener.issueLogin()}`);
  assert.equal(answer.status, 200);
  return String(answer.headers["set-cookie"]).split(";")[0] ?? "";
}

test("without a login nothing of the editor is reached, and the page says what to do", async () => {
  for (const path of ["/", "/flows", "/comms", "//flows", "/%2e%2e/flows"]) {
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
  const answer = await ask("/flows", { headers: { cookie } });
  assert.equal(answer.status, 200);
  assert.deepEqual(JSON.parse(answer.body), { url: "/flows", cookie: null });
});

test("another page's request is refused even with a session", async () => {
  const cookie = await login();
  const answer = await ask("/flows", {
    method: "POST",
    headers: { cookie, origin: "https://evil.example" },
  });
  assert.equal(answer.status, 403);
});

test("an upgrade needs a session and our own origin, and then carries bytes both ways", async () => {
  const cookie = await login();
  const upgrade = (headers: Record<string, string>): Promise<string> =>
    new Promise((resolve, reject) => {
      const asked = request({
        host: "127.0.0.1",
        port,
        path: "/comms",
        rejectUnauthorized: false,
        agent: false,
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
  const origin = `https://127.0.0.1:${port}`;
  assert.equal(await upgrade({ origin }), "401");
  assert.equal(await upgrade({ cookie }), "401");
  assert.equal(await upgrade({ cookie, origin: "https://evil.example" }), "401");
  assert.equal(await upgrade({ cookie, origin }), "echo hello");
});

test("TLS 1.2 is refused", async () => {
  await assert.rejects(ask("/", { maxVersion: "TLSv1.2" }));
});

test("a session ends when nobody uses it, and a new login replaces the one before", () => {
  let now = 0;
  const logins = new Logins(() => now);
  const old = logins.issue();
  const token = logins.issue();
  assert.equal(logins.redeem(old), null);
  const session = logins.redeem(token) ?? "";
  assert.ok(logins.isLive(session));
  now += 7 * 3600 * 1000;
  assert.ok(logins.isLive(session));
  now += 9 * 3600 * 1000;
  assert.ok(!logins.isLive(session));
  assert.ok(!logins.isLive(""));
});
