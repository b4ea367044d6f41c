import assert from "node:assert/strict";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { startFlowhost } from "../../fakes/flowhost-kit.ts";

/** What a hostile author may still do: nothing of it leaves the process. */
const HARMLESS: readonly string[] = [];

test("hostile code in a flow reaches no key, file, network, process, thread, debugger or signal", async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "wardgate-hostile-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const root = fileURLToPath(new URL("../../..", import.meta.url));
  const nodes = join(directory, "nodes");
  const key = join(directory, "gateway.key.pem");
  writeFileSync(key, "{}");
  const addon = join(root, "node_modules/classic-level/prebuilds/linux-x64/classic-level.node");
  const program = join(root, "gateway/errors.ts");
  const before = readFileSync(program, "utf8");
  // The nodes lie where they may be read, as a package that somebody got installed would.
  writeNodes(nodes);
  const [tcp, unix, abstract] = [createServer(), createServer(), createServer()];
  const name = `wardgate-test-${process.pid}`;
  const ready = [tcp, unix, abstract].map((server) => once(server, "listening"));
  tcp.listen(0, "127.0.0.1");
  unix.listen(join(directory, "line.sock"));
  abstract.listen(`\0${name}`);
  await Promise.all(ready);
  let reached = 0;
  for (const server of [tcp, unix, abstract]) {
    server.on("connection", (socket) => {
      reached += 1;
      socket.destroy();
    });
    context.after(() => server.close());
  }
  const address = tcp.address();
  const target = {
    key,
    directory,
    program,
    addon,
    newFile: join(directory, "new"),
    port: typeof address === "object" ? address?.port : 0,
    socket: join(directory, "line.sock"),
    abstract: name,
  };
  const flows = [
    { id: "tab", type: "tab", label: "Hostile" },
    { id: "h", type: "hostile", z: "tab", x: 1, y: 1, wires: [], target: JSON.stringify(target) },
  ];
  const kit = await startFlowhost({
    flows,
    config: { nodesDirectory: nodes },
    nodeOptions: [`--allow-fs-read=${nodes}`],
  });
  context.after(() => kit.stop());
  // Sockets and messages come while the hostile node listens for them.
  await kit.linkBedside();
  let answer = await kit.admin("GET", "/hostile");
  while (answer.status !== 200) {
    answer = await kit.admin("GET", "/hostile");
  }
  const results = JSON.parse(answer.text) as string[];
  assert.ok(results.length >= 55, `${results.length} attempts`);
  const done = results.filter((result) => result.endsWith(": DONE"));
  assert.deepEqual(done, HARMLESS);
  assert.equal(reached, 0);
  assert.ok(!existsSync(target.newFile));
  assert.equal(readFileSync(key, "utf8"), "{}");
  assert.equal(readFileSync(program, "utf8"), before);
  assert.ok(!kit.said.some((message) => message.t === "fatal"));
});

test("a debugger cannot be attached by SIGUSR1", async (context) => {
  const kit = await startFlowhost();
  context.after(() => kit.stop());
  kit.child.kill("SIGUSR1");
  assert.equal((await kit.admin("GET", "/settings")).status, 200);
  assert.doesNotMatch(kit.stderr.join(""), /Debugger listening/);
});

test("an error nobody catches ends the room, says which node, and nothing settled is lost", async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "wardgate-crash-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const nodes = join(directory, "nodes");
  writeNodes(nodes);
  for (const how of ["throws", "rejects"]) {
    const kit = await startFlowhost({
      ready: false,
      flows: [
        { id: "tab", type: "tab", label: "Crash" },
        { id: "c", type: "crash", z: "tab", x: 1, y: 1, wires: [], how },
      ],
      config: { nodesDirectory: nodes },
      nodeOptions: [`--allow-fs-read=${nodes}`],
    });
    context.after(() => kit.stop());
    await kit.linkKeeper();
    await kit.linkBedside();
    const { message } = await kit.heard("fatal");
    assert.equal(message, `crash: told to ${how}`);
    if (kit.child.exitCode === null) {
      await once(kit.child, "exit");
    }
    assert.equal(kit.child.exitCode, 1);
  }
});

function writeNodes(directory: string): void {
  const fakes = fileURLToPath(new URL("../../fakes/nodes", import.meta.url));
  mkdirSync(directory);
  for (const file of ["package.json", "hostile.js", "crash.js"]) {
    copyFileSync(join(fakes, file), join(directory, file));
  }
  for (const type of ["hostile", "crash"]) {
    writeFileSync(
      join(directory, `${type}.html`),
      `<script type="text/javascript">RED.nodes.registerType("${type}", { category: "x", defaults: {}, inputs: 0, outputs: 0 });</script>`,
    );
  }
}
