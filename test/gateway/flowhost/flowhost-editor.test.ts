import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import { test, type TestContext } from "node:test";

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import {
  type FlowhostKit,
  type FlowhostKitOptions,
  startFlowhost,
  unaccounted,
  vitalTake,
  wardFlow,
} from "../../fakes/flowhost-kit.ts";

const DEVICE = "bed-1/spo2";

async function started(context: TestContext, options: FlowhostKitOptions): Promise<FlowhostKit> {
  const kit = await startFlowhost(options);
  context.after(() => kit.stop());
  return kit;
}

test("the collector flow runs in place of a flow that crashes, and cannot be saved over it", async (context) => {
  const kit = await started(context, {
    flows: wardFlow([DEVICE]),
    config: { mode: "collector" },
  });
  const takes = Array.from({ length: 5 }, (_, place) => vitalTake(DEVICE, place + 1));
  takes.forEach((take) => kit.bedside.feed(take));
  await kit.bedside.allSettled();
  assert.equal(kit.bedside.outcomes.get(`${DEVICE} 1`)?.stored, 3);
  const { flows } = JSON.parse(
    (await kit.admin("GET", "/flows", { headers: { "node-red-api-version": "v2" } })).text,
  ) as { flows: object[] };
  const before = kit.keeper.documents.get("flows");
  const answer = await kit.deploy("full", flows);
  assert.equal(answer.status, 400);
  assert.match(answer.text, /WARD_FLOWS_COLLECTOR/);
  assert.equal(kit.keeper.documents.get("flows"), before);
  const original = JSON.parse((await kit.admin("GET", "/ward/flows")).text) as object[];
  assert.deepEqual(original, wardFlow([DEVICE]));
});

test("a locked gateway shows its flow and changes nothing; nothing is written anywhere", async (context) => {
  const userDirectory = fileURLToPath(
    new URL("../../../gateway/flowhost/userdir", import.meta.url),
  );
  const kit = await started(context, { flows: wardFlow([DEVICE]), authoring: false });
  const documents = [...kit.keeper.documents.keys()];
  assert.equal((await kit.admin("GET", "/flows")).status, 200);
  for (const [method, path] of [
    ["POST", "/flows"],
    ["POST", "/flow"],
    ["DELETE", "/flow/tab-1"],
    ["PUT", "/nodes/node-red/debug"],
    ["POST", "/inject/x"],
  ] as const) {
    const answer = await kit.admin(method, path, { body: [] });
    assert.deepEqual([method, path, answer.status], [method, path, 423]);
  }
  assert.deepEqual([...kit.keeper.documents.keys()], documents);
  assert.deepEqual(readdirSync(userDirectory), ["package.json"]);
});

test("a deploy that would not run is refused, and the flow that runs goes on", async (context) => {
  const kit = await started(context, { flows: wardFlow([DEVICE]) });
  for (const type of ["function", "exec", "http request", "no-such-node"]) {
    const node = { id: "x", type, z: "tab-1", x: 1, y: 1, wires: [] };
    const answer = await kit.deploy("full", [...wardFlow([DEVICE]), node]);
    assert.equal(answer.status, 400);
    assert.match(answer.text, /WARD_FLOWS_UNKNOWN_TYPE/);
  }
  const take = vitalTake(DEVICE, 1);
  kit.bedside.feed(take);
  await kit.bedside.allSettled();
  assert.deepEqual(unaccounted([take], kit.keeper), []);
});

test("two nodes that read one device differently: the first counts, the other says so", async (context) => {
  const other = {
    id: "other",
    type: "ward-serial",
    z: "tab-1",
    device: DEVICE,
    model: "masimo-ascii1",
    line: "line-1",
    x: 1,
    y: 1,
    wires: [["check"]],
  };
  const kit = await started(context, { flows: wardFlow([DEVICE], [other]) });
  assert.deepEqual(
    kit.bedside.subscriptions.map(({ model }) => model),
    ["nonin-oem3-format2"],
  );
  for (;;) {
    await once(kit.child, "message");
    const { stats } = kit.said.findLast(({ t }) => t === "stats") as { stats: Stats };
    if (stats.nodes.some(({ id, text }) => id === "other" && text.includes("disconnected"))) {
      assert.match(stats.log.join("\n"), /other settings/);
      return;
    }
  }
});

interface Stats {
  readonly nodes: readonly { readonly id: string; readonly text: string }[];
  readonly log: readonly string[];
}

test("a keeper with other signed settings, or a message that cannot be used, needs a new process", async (context) => {
  const kit = await started(context, {});
  kit.keeper.authoring = false;
  await kit.linkKeeper();
  assert.equal((await kit.heard("fatal")).code, "WARD_POLICY_CHANGED");
  const other = await started(context, {});
  other.bedside.send({ t: "takes", generation: 1 });
  assert.equal((await other.heard("fatal")).code, "WARD_ROOM_MESSAGE");
});

test("the editor's own channel to the browser runs over a socket that was handed over", async (context) => {
  const kit = await started(context, { flows: wardFlow([DEVICE]) });
  const socket = await kit.editorSocket();
  context.after(() => socket.destroy());
  const upgrade = request({
    path: "/comms",
    headers: {
      host: "ward",
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": randomBytes(16).toString("base64"),
    },
    createConnection: () => socket,
  });
  upgrade.end();
  const [response] = await once(upgrade, "upgrade");
  assert.equal(response.statusCode, 101);
  const page = await kit.admin("GET", "/");
  assert.match(page.text, /Wardgate gw-1/);
});

test("nothing that is stored keeps the room from running the signed flows", async (context) => {
  const signed = JSON.stringify(wardFlow([DEVICE]));
  const documents = { settings: "no JSON", credentials: "[1]", "signed-flows": signed };
  const bench = await started(context, { documents: { ...documents, flows: "[{" } });
  assert.deepEqual(JSON.parse((await bench.admin("GET", "/ward/flows")).text), JSON.parse(signed));
  assert.equal(bench.bedside.subscriptions[0]?.device, DEVICE);
  const locked = await started(context, {
    documents: { ...documents, flows: signed },
    authoring: false,
  });
  assert.equal(locked.bedside.subscriptions[0]?.device, DEVICE);
});

test("flows that cannot be read, or a wrong start, end the room with a reason", async (context) => {
  const damaged = await startFlowhost({
    ready: false,
    documents: { flows: "[{", "signed-flows": "[1]" },
  });
  context.after(() => damaged.stop());
  await damaged.linkKeeper();
  await damaged.linkBedside();
  assert.equal((await damaged.heard("fatal")).code, "WARD_FLOWS_UNREADABLE");
  const wrong = await startFlowhost({ ready: false, config: { mode: "none" } });
  context.after(() => wrong.stop());
  assert.equal((await wrong.heard("fatal")).code, "WARD_ROOM_START");
});

test("a room that is not confined runs no flow", async (context) => {
  const kit = await startFlowhost({ ready: false, nodeOptions: ["--allow-net"] });
  context.after(() => kit.stop());
  const { code, message } = await kit.heard("fatal");
  assert.equal(code, "WARD_NOT_CONFINED");
  assert.match(message, /net/);
});
