import assert from "node:assert/strict";
import { afterEach, before, after, test } from "node:test";

import { Listener } from "../../gateway/console/listener.ts";
import { StaticFiles } from "../../gateway/console/static-files.ts";
import { openConsole } from "../fakes/console-kit.ts";
import type { JournalEvent } from "../../gateway/journal/event.ts";
import { createRoot, issueServer } from "../../provisioning/ca.ts";
import { gone, heard, NASTY, silent, tls } from "../fakes/hostile-kit.ts";

/** The editor's HTTPS door, attacked by strangers; what it does for who is known is in test/gateway/console. */

let listener: Listener;
let port = 0;
let reached = 0;
const journalled: JournalEvent[] = [];
const fatal: unknown[] = [];
process.on("uncaughtException", (error) => fatal.push(error));
process.on("unhandledRejection", (error) => fatal.push(error));
afterEach(() => assert.deepEqual(fatal.splice(0), []));

before(async () => {
  const root = await createRoot("servers", "Test");
  const { certificate: cert, key } = await issueServer(root, ["localhost"]);
  listener = new Listener({
    host: "127.0.0.1",
    port: 0,
    cert,
    key,
    console: openConsole().console,
    files: new StaticFiles("/nowhere"),
    journal: async (event) => void journalled.push(event),
    connectEditor: async () => {
      reached += 1;
      throw new Error("nobody may come so far");
    },
  });
  port = await listener.open();
});
after(async () => await listener.close());

async function say(text: string): Promise<string> {
  const socket = tls(port, { rejectUnauthorized: false });
  socket.write(text);
  return await heard(socket);
}

function get(path: string, more = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}Connection: close\r\n\r\n`;
}

test("thousands of logins asked for without waiting are neither kept nor tried", async () => {
  journalled.length = 0;
  const socket = tls(port, { rejectUnauthorized: false });
  socket.write("GET /login?token=guess HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(3000));
  await gone(socket);
  assert.ok(journalled.length <= 8, `${journalled.length} were tried`);
});

test("no path, token, cookie, host or origin of a stranger gets to the editor or into an answer", async () => {
  const evil = [
    get("/../../../../etc/passwd"),
    get("/%2e%2e/%2e%2e/flows"),
    get("//evil.example/flows"),
    get("/login?token=__proto__"),
    get("/login?token="),
    get(`/login?token=${encodeURIComponent(NASTY)}`),
    get("/flow/flows", "Cookie: __Host-wardgate=__proto__\r\n"),
    get("/flow/flows", "Cookie: __Host-wardgate=constructor; __Host-wardgate=toString\r\n"),
    get("/flow/flows", `Cookie: ${"a=b; ".repeat(2000)}\r\n`),
    get("/flow/flows", "Host: localhost\r\n"),
    get("/flow/flows", "Origin: null\r\n"),
    get("/flow/flows", "Origin: https://localhost.evil.example\r\n"),
    get("/flow/flows", "X-Forwarded-For: 127.0.0.1\r\nX-Original-URL: /login\r\n"),
    get("/flow/comms", "Upgrade: websocket\r\n").replace(
      "Connection: close",
      "Connection: Upgrade",
    ),
    get("/flow/flows").replace("Host: localhost", "Host: localhost@evil.example"),
    get("/flow/flows").replace("Host: localhost", "Host: evil.example#localhost"),
    get("/flow/flows").replace("Host: localhost", "Host: localhost\0"),
    get("*").replace("GET", "OPTIONS"),
    `CONNECT keeper:1 HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `TRACE /flow/flows HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
  ];
  for (const text of evil) {
    const answer = await say(text);
    assert.match(answer, /^$|^HTTP\/1\.1 4\d\d /, text.slice(0, 80));
    assert.doesNotMatch(answer, /forged|evil|passwd|set-cookie/i, text.slice(0, 80));
  }
  assert.equal(reached, 0);
});

test("a request hidden in another's body or length is not answered", async () => {
  const hidden = get("/flow/flows");
  for (const framing of [
    `Content-Length: ${hidden.length}\r\nTransfer-Encoding: chunked\r\n`,
    `Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n`,
    "Transfer-Encoding: chunked, identity\r\n",
    "Transfer-Encoding:\vchunked\r\n",
  ]) {
    const text = `POST /flow/flows HTTP/1.1\r\nHost: localhost\r\n${framing}\r\n0\r\n\r\n${hidden}`;
    const answer = await say(text);
    assert.equal(answer.split("HTTP/1.1 ").length, 2, framing);
  }
  assert.equal(reached, 0);
});

test("who holds connections open at many addresses keeps no engineer out", async () => {
  const flood = await Promise.all(
    Array.from({ length: 400 }, (_, place) => silent(port, `127.0.2.${1 + (place % 40)}`)),
  );
  assert.match(await say(get("/api/me")), /^HTTP\/1\.1 401 /);
  flood.forEach((socket) => socket.destroy());
});
