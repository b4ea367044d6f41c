import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { NODE_OPTIONS } from "../../gateway/program/options.ts";
import { readSettings } from "../../gateway/settings.ts";
import { strayRoom } from "../fakes/stray-room.ts";

test("a process calls whom it may, and nobody else in whatever way; each refusal is told", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "egress-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const paths = ["may", "other"].map((name) => join(directory, name));
  let calls = 0;
  const servers = await Promise.all(
    [0, 0, ...paths].map(async (place, index) => {
      const server = createServer((socket) => {
        calls += index % 2;
        socket.on("error", () => undefined);
        socket.resume();
      });
      server.listen(typeof place === "string" ? { path: place } : { port: 0, host: "127.0.0.1" });
      await once(server, "listening");
      t.after(() => server.close());
      return server;
    }),
  );
  const [port, otherPort] = servers
    .slice(0, 2)
    .map((server) => String((server.address() as AddressInfo).port));
  const child = fileURLToPath(new URL("../fakes/egress-child.ts", import.meta.url));
  const args = [...NODE_OPTIONS, child, port ?? "", otherPort ?? "", ...paths];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { found, refused } = JSON.parse(stdout) as { found: object; refused: string[] };
  const no = "WARD_EGRESS";
  assert.deepEqual(found, {
    allowed: "reached",
    allowedPath: "reached",
    allowedDatagram: "reached",
    port: no,
    name: no,
    options: no,
    noHost: no,
    tls: no,
    https: no,
    fetch: no,
    path: no,
    datagram: no,
  });
  assert.equal(calls, 0, "something reached another place");
  assert.deepEqual(
    refused.toSorted(),
    [
      `tcp://127.0.0.1:${otherPort}`,
      `tcp://localhost:${port}`,
      `tcp://localhost:${otherPort}`,
      `unix:${paths[1]}`,
      `udp://127.0.0.1:${otherPort}`,
    ].toSorted(),
  );
});

test("bedside calls lines of the signed settings and nobody else, whatever has got into it", async (t) => {
  const dataDirectory = mkdtempSync(join(tmpdir(), "egress-"));
  t.after(() => rmSync(dataDirectory, { recursive: true }));
  const config = {
    gateway: "gw-001",
    settings: readSettings({}, {}),
    allowedLines: ["tcp://10.20.0.7:4001", "serial:/dev/ttyUSB0"],
    opcuaTrust: [],
    opcuaPki: dataDirectory,
    previous: null,
  };
  const { notice, place } = await strayRoom(t, "bedside", { dataDirectory, config });
  assert.ok(notice.text.includes(`was about to call ${place}, which`), notice.text);
});
