import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";

import * as fc from "fast-check";

import { demoFlow } from "../../flows/demo-flow.ts";
import { lintFlow } from "../../gateway/flow-lint.ts";

const TAB = { id: "t", type: "tab", label: "Ward A" };

/** A node on the tab; `to` are the nodes behind its outputs. */
function node(id: string, type: string, to: string[][] = [], fields: object = {}): object {
  return { id, type, z: "t", name: id, wires: to, ...fields };
}

function codes(flow: readonly object[]): string[] {
  return lintFlow([TAB, ...flow]).map(({ code, nodeId }) => `${code} ${nodeId}`);
}

const SEALED = [node("seal", "ward-seal", [["outbox"]]), node("outbox", "ward-outbox")];

test("the shipped flows and all examples have no problem", () => {
  const files = globSync(["flows/*.json", "nodes/examples/*.json"]);
  assert.ok(files.length >= 10);
  for (const file of files) {
    assert.deepEqual(lintFlow(JSON.parse(readFileSync(file, "utf8"))), [], file);
  }
});

test("a generated flow has no problem, one tab per ward, and each id once", () => {
  const devices = ["bed-1/monitor", "ward-2/bed-1/monitor", "ward-2/bed-2/pump"].map((device) => ({
    device,
    model: "nonin-oem3-format2",
    line: "tcp://10.0.0.7:4001",
    unit: null,
    kind: "stream" as const,
  }));
  const flow = demoFlow(devices);
  assert.deepEqual(lintFlow(flow), []);
  const ids = flow.map((entry) => Reflect.get(entry, "id"));
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(
    flow
      .filter((entry) => Reflect.get(entry, "type") === "tab")
      .map((tab) => Reflect.get(tab, "label")),
    ["Ward", "Ward ward-2"],
  );
  assert.deepEqual(lintFlow(demoFlow([])), []);
});

test("a wire past the seal is found and named", () => {
  const flow = [
    node("s", "ward-serial", [["check"]]),
    node("check", "ward-check", [["seal"], ["outbox"]]),
    ...SEALED,
  ];
  assert.deepEqual(lintFlow([TAB, ...flow]), [
    {
      code: "unsealed-path",
      tab: "Ward A",
      node: "outbox",
      nodeId: "outbox",
      text: 'Readings of "s" on tab "Ward A" reach it unsealed. Wire them to ward-seal first.',
    },
  ]);
});

test("loops end, and every kind of source counts", () => {
  for (const type of ["ward-serial", "ward-modbus", "ward-opcua", "ward-notices"]) {
    const loop = [
      node("s", type, [["a"]]),
      node("a", "change", [["b"]]),
      node("b", "switch", [["a"], ["outbox", "seal"]]),
    ];
    assert.deepEqual(codes([...loop, ...SEALED]), ["unsealed-path outbox"]);
  }
});

test("junctions and links lead on, across tabs", () => {
  const other = { id: "t2", type: "tab", label: "Ward B" };
  const flow = [
    node("s", "ward-serial", [["j"]]),
    node("j", "junction", [["out"]]),
    node("out", "link out", [], { links: ["in"], mode: "link" }),
    other,
    node("in", "link in", [["outbox"]], { z: "t2", links: ["out"] }),
    node("outbox", "ward-outbox", [], { z: "t2" }),
  ];
  assert.deepEqual(codes(flow), ["unsealed-path outbox", "source-unused s"]);
});

test("a link call comes back to the node that called, and only to that one", () => {
  const called = [
    node("in", "link in", [["back"]]),
    node("back", "link out", [], { mode: "return", links: [] }),
  ];
  const call = (id: string, to: string): object =>
    node(id, "link call", [[to]], { links: ["in"], linkType: "static" });
  const good = [
    node("s", "ward-serial", [["one"]]),
    call("one", "seal"),
    node("seal", "ward-seal", [["two"]]),
    call("two", "outbox"),
    node("outbox", "ward-outbox"),
    ...called,
  ];
  assert.deepEqual(codes(good), []);
  const bad = [
    node("s", "ward-serial", [["one", "seal"]]),
    call("one", "outbox"),
    ...SEALED,
    ...called,
  ];
  assert.deepEqual(codes(bad), ["unsealed-path outbox"]);
  const dynamic = [
    node("s", "ward-serial", [["d", "seal"]]),
    node("d", "link call", [["outbox"]], { linkType: "dynamic", links: [] }),
    ...SEALED,
    ...called,
  ];
  assert.deepEqual(codes(dynamic), ["unsealed-path outbox"]);
});

const inside = (id: string, type: string, to: string[][] = []): object =>
  node(id, type, to, { z: "sub" });
const subflow = (to: string, from: string): object => ({
  id: "sub",
  type: "subflow",
  name: "Step",
  in: [{ wires: [{ id: to }] }],
  out: [{ wires: [{ id: from, port: 0 }] }],
});

test("subflows are looked into, per instance", () => {
  const seals = [subflow("inner", "inner"), inside("inner", "ward-seal", [[]])];
  const through = [
    node("s", "ward-serial", [["i"]]),
    node("i", "subflow:sub", [["outbox"]]),
    node("outbox", "ward-outbox"),
  ];
  assert.deepEqual(codes([...seals, ...through]), []);
  const passes = [subflow("inner", "inner"), inside("inner", "change", [[]])];
  assert.deepEqual(codes([...passes, ...through]), ["unsealed-path outbox", "source-unused s"]);
  const straight = [subflow("none", "sub")];
  assert.deepEqual(codes([...straight, ...through]), ["unsealed-path outbox", "source-unused s"]);
  const twoWays = [
    node("s", "ward-serial", [["i"]]),
    node("i", "subflow:sub", [["seal"]]),
    node("seal", "ward-seal", [["i2"]]),
    node("i2", "subflow:sub", [["outbox"]]),
    node("outbox", "ward-outbox"),
  ];
  assert.deepEqual(
    codes([...passes, ...twoWays]),
    [],
    "what leaves one instance does not leave the other",
  );
});

test("sources and outboxes inside subflows count", () => {
  const source = [subflow("none", "inner"), inside("inner", "ward-opcua", [[]])];
  assert.deepEqual(codes([...source, node("i", "subflow:sub", [["seal"]]), ...SEALED]), []);
  assert.deepEqual(codes([...source, node("i", "subflow:sub", [["outbox", "seal"]]), ...SEALED]), [
    "unsealed-path outbox",
  ]);
  assert.deepEqual(codes(source), ["source-unused inner"], "no instance runs it");
  const sink = [subflow("inner", "none"), inside("inner", "ward-outbox")];
  assert.deepEqual(codes([...sink, node("s", "ward-serial", [["i"]]), node("i", "subflow:sub")]), [
    "unsealed-path inner",
    "source-unused s",
  ]);
});

test("catch and complete nodes are ways too", () => {
  const way = [node("s", "ward-serial", [["seal"]]), ...SEALED];
  const to = [["outbox"]];
  assert.deepEqual(codes([...way, node("c", "catch", to, { scope: null })]), [
    "unsealed-path outbox",
  ]);
  assert.deepEqual(codes([...way, node("c", "catch", to, { scope: ["seal"] })]), [
    "unsealed-path outbox",
  ]);
  assert.deepEqual(
    codes([...way, node("c", "catch", to, { scope: ["outbox"] })]),
    [],
    "a retry of what is sealed",
  );
  assert.deepEqual(codes([...way, node("c", "complete", to, { scope: ["seal"] })]), [
    "unsealed-path outbox",
  ]);
  assert.deepEqual(
    codes([...way, node("c", "complete", [["d"]], { scope: ["outbox"] }), node("d", "debug")]),
    [],
  );
  const sub = [subflow("inner", "inner"), inside("inner", "ward-check", [[]])];
  const hidden = [
    node("s", "ward-serial", [["i"]]),
    node("i", "subflow:sub", [["seal"]]),
    ...SEALED,
  ];
  assert.deepEqual(codes([...sub, ...hidden, node("c", "catch", to, { scope: ["i"] })]), [
    "unsealed-path outbox",
  ]);
});

test("what is sealed must not be sealed again, nor a device read twice, nor a source be for nothing", () => {
  const again = [
    node("s", "ward-serial", [["a"]]),
    node("a", "ward-seal", [["seal", "outbox"]]),
    ...SEALED,
  ];
  assert.deepEqual(codes(again), ["sealed-twice seal"]);
  const two = ["s1", "s2"].map((id) =>
    node(id, "ward-serial", [["seal"]], { device: "bed-1/monitor" }),
  );
  assert.deepEqual(codes([...two, ...SEALED]), ["device-twice s2"]);
  assert.deepEqual(codes([node("s", "ward-serial", [["d"]]), node("d", "debug")]), [
    "source-unused s",
  ]);
});

test("what is disabled does not run and does not count", () => {
  const flow = (fields: object): object[] => [
    node("s", "ward-serial", [["seal", "x"]]),
    node("x", "change", [["outbox"]], fields),
    ...SEALED,
  ];
  assert.deepEqual(codes(flow({})), ["unsealed-path outbox"]);
  assert.deepEqual(codes(flow({ d: true })), []);
  const off = { id: "off", type: "tab", label: "Off", disabled: true };
  assert.deepEqual(codes([off, node("s", "ward-serial", [], { z: "off" })]), []);
});

test("subflows within subflows without end, and more ways than can be followed, are said to be so", () => {
  const self = [subflow("i", "i"), inside("i", "subflow:sub", [["i"]])];
  assert.deepEqual(
    codes([...self, inside("s", "ward-serial", [["i"]]), node("o", "subflow:sub")]).at(-1),
    "source-unused s",
  );
  const calls = Array.from({ length: 8 }, (_, place) => `c${place}`);
  const wild = [
    node("s", "ward-serial", [calls]),
    node("in", "link in", [calls]),
    ...calls.map((id) => node(id, "link call", [calls], { links: ["in"] })),
  ];
  assert.deepEqual(codes(wild), ["too-many-paths s"]);
});

test("anything that is no flow is said to be none, and nothing in a file can make it throw", () => {
  assert.deepEqual(
    lintFlow({}).map(({ code }) => code),
    ["not-a-flow"],
  );
  const ids = fc.constantFrom("t", "a", "b", "c", "sub");
  const types = fc.constantFrom(
    "tab",
    "subflow",
    "subflow:sub",
    "ward-serial",
    "ward-seal",
    "ward-outbox",
    "link in",
    "link out",
    "link call",
    "catch",
    "complete",
    "junction",
  );
  const wild = fc.record(
    {
      id: ids,
      type: types,
      z: ids,
      wires: fc.oneof(fc.array(fc.array(ids, { maxLength: 3 }), { maxLength: 3 }), fc.anything()),
      links: fc.oneof(fc.array(ids, { maxLength: 3 }), fc.anything()),
      scope: fc.oneof(fc.array(ids), fc.constantFrom(null, "group"), fc.anything()),
      in: fc.oneof(fc.constant([{ wires: [{ id: "a" }] }]), fc.anything()),
      out: fc.oneof(fc.constant([{ wires: [{ id: "a", port: 0 }] }]), fc.anything()),
      mode: fc.constantFrom("link", "return"),
      label: fc.anything(),
      name: fc.anything(),
      device: fc.anything(),
      d: fc.boolean(),
    },
    { requiredKeys: ["id", "type"] },
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 9, arbitrary: wild }, fc.anything()), { maxLength: 12 }),
      (flow) => {
        assert.ok(Array.isArray(lintFlow(flow)));
      },
    ),
  );
});
