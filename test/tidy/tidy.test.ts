import assert from "node:assert/strict";
import { test } from "node:test";

import { problemsOf, readTree, type Tree } from "./tree.ts";

test("the tree is tidy", () => {
  assert.deepEqual(problemsOf(readTree()), []);
});

const SEEDED: readonly { what: string; files: Record<string, string>; finds: RegExp }[] = [
  {
    what: "a driver that opens something",
    files: { "gateway/devices/x-y/driver.ts": 'import { connect } from "node:net";' },
    finds: /must not import node:net/,
  },
  {
    what: "a node that reaches for the outbox",
    files: { "nodes/ward-x/ward-x.ts": 'import { Outbox } from "../../gateway/outbox/outbox.ts";' },
    finds: /nodes\/ward-x\/ward-x\.ts: must not import gateway\/outbox\/outbox\.ts/,
  },
  {
    what: "a noun that imports a room",
    files: { "gateway/reading.ts": 'export { x } from "./house/house.ts";' },
    finds: /gateway\/reading\.ts: must not import gateway\/house\/house\.ts/,
  },
  {
    what: "a second door for a package",
    files: { "gateway/uplink/forward.ts": 'const mqtt = await import("mqtt");' },
    finds: /imports mqtt, whose door is/,
  },
  {
    what: "a cycle",
    files: {
      "gateway/a.ts": 'import { b } from "./b.ts";',
      "gateway/b.ts": 'import type { a } from "./a.ts";',
    },
    finds: /import cycle: gateway\/a\.ts -> gateway\/b\.ts -> gateway\/a\.ts/,
  },
  {
    what: "the flow host reaching keys by a detour",
    files: {
      "gateway/flowhost/flowhost-room.ts": 'import "../sealing/detour.ts";',
      "gateway/sealing/detour.ts": 'import "../identity/identity.ts";',
      "gateway/identity/identity.ts": "",
    },
    finds: /flowhost-room\.ts: reaches gateway\/identity\/identity\.ts/,
  },
  {
    what: "a room without a name",
    files: { "gateway/utils/x.ts": "" },
    finds: /names nothing/,
  },
  { what: "a file of 401 lines", files: { "gateway/x.ts": "\n".repeat(400) }, finds: /401 lines/ },
  {
    what: "a silenced check",
    files: { "gateway/x.ts": ["// @ts", "ignore"].join("-") },
    finds: /silences a check/,
  },
  { what: "a shouting name", files: { "gateway/MyFile.ts": "" }, finds: /kebab-case/ },
];

for (const { what, files, finds } of SEEDED) {
  test(`it finds ${what}`, () => {
    const tree: Tree = new Map(Object.entries(files));
    assert.match(problemsOf(tree).join("\n"), finds);
  });
}
