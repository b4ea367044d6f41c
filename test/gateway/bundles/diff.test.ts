import assert from "node:assert/strict";
import { test } from "node:test";

import { changeText } from "../../../gateway/bundles/change.ts";
import type { FlowNode } from "../../../gateway/bundles/content.ts";
import { type Comparable, diffBundles, EMPTY } from "../../../gateway/bundles/diff.ts";
import { smallFlow } from "../../fakes/bundle-kit.ts";

const LABELS: Readonly<Record<string, string>> = { size: "minimum change" };

function texts(before: Partial<Comparable>, after: Partial<Comparable>): string[] {
  const changes = diffBundles({ ...EMPTY, ...before }, { ...EMPTY, ...after }, (_type, field) =>
    Object.hasOwn(LABELS, field) ? (LABELS[field] ?? field) : field,
  );
  return changes.map(changeText);
}

function flowTexts(change: (node: FlowNode) => FlowNode | null): string[] {
  const before = smallFlow("1");
  return texts({ flows: before }, { flows: before.map(change).filter((node) => node !== null) });
}

test("a changed field is said as the editor calls it", () => {
  assert.deepEqual(
    flowTexts((node) => (node["id"] === "f" ? { ...node, size: "2" } : node)),
    ['Bed 4 tab: ward-filter "SpO2": minimum change 1 → 2'],
  );
});

test("added, removed, rewired and moved nodes are told apart", () => {
  assert.deepEqual(
    flowTexts((node) => (node["id"] === "s" ? null : node)),
    ["Bed 4 tab: ward-seal s removed"],
  );
  assert.deepEqual(
    flowTexts((node) => (node["id"] === "f" ? { ...node, wires: [[]] } : node)),
    ['Bed 4 tab: ward-filter "SpO2" rewired: no more to ward-seal s'],
  );
  assert.deepEqual(
    flowTexts((node) => (node["id"] === "f" ? { ...node, x: 20, y: 40 } : node)),
    ['Bed 4 tab: ward-filter "SpO2" moved'],
  );
  const flows = [...smallFlow("1"), { id: "t2", type: "tab", label: "Bed 5" }];
  assert.deepEqual(texts({ flows: smallFlow("1") }, { flows }), ["Bed 5 tab added"]);
});

test("another node is called by its name, and renaming it is no rewiring", () => {
  const line = (id: string, url: string): FlowNode => ({ id, type: "ward-serial-line", url });
  const lines = [line("l1", "tcp://a:1"), line("l2", "tcp://b:1")];
  const node = (to: string): FlowNode => ({
    id: "d",
    type: "ward-serial",
    device: "bed-4",
    line: to,
  });
  assert.deepEqual(texts({ flows: [...lines, node("l1")] }, { flows: [...lines, node("l2")] }), [
    'ward-serial "bed-4": line ward-serial-line "tcp://a:1" → ward-serial-line "tcp://b:1"',
  ]);
  assert.deepEqual(
    flowTexts((old) => (old["id"] === "s" ? { ...old, name: "seal" } : old)),
    ['Bed 4 tab: ward-seal "seal": name "" → seal'],
  );
});

test("the same flow in another order is no change", () => {
  assert.deepEqual(texts({ flows: smallFlow("1") }, { flows: smallFlow("1").toReversed() }), []);
});

test("a register map is compared by what it says, in an option and on its own", () => {
  const map = (scale: number): object => ({ points: [{ name: "temp", address: 7, scale }] });
  const node = (scale: number): FlowNode => ({
    id: "d",
    type: "ward-modbus",
    device: "lab/fridge",
    options: [{ name: "map", value: JSON.stringify(map(scale)) }],
  });
  assert.deepEqual(texts({ flows: [node(1)] }, { flows: [node(2)] }), [
    'ward-modbus "lab/fridge": options map.points[name temp].scale 1 → 2',
  ]);
  const devices = (scale: number): Comparable["devices"] => ({
    fridge: { model: "generic-modbus", description: { ...map(scale) } },
  });
  assert.deepEqual(texts({ devices: devices(1) }, { devices: devices(2) }), [
    "device description fridge: description.points[name temp].scale 1 → 2",
  ]);
});

test("recipients, roles and policy are told too", () => {
  assert.deepEqual(
    texts(
      { recipients: [{ kid: "old", spki: "a" }], roles: { nurse: ["view"] } },
      {
        recipients: [{ kid: "new", spki: "b" }],
        roles: { nurse: ["view", "note"] },
        policy: { deleteOn: "broker" },
      },
    ),
    [
      "recipient old removed",
      "recipient new added",
      "role nurse: [1] (nothing) → note",
      "policy: deleteOn (nothing) → broker",
    ],
  );
});

test("a line stays one line, whatever a name says", () => {
  const [text = ""] = flowTexts((node) =>
    node["id"] === "f" ? { ...node, size: `2\n\u001B[31m${"x".repeat(500)}` } : node,
  );
  assert.doesNotMatch(text, /\p{Cc}/u);
  assert.ok(text.length < 250, text);
});
