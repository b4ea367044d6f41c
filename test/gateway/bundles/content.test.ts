import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { packFiles, unpackFiles } from "../../../gateway/bundles/archive.ts";
import { canonicalJson, flowHash } from "../../../gateway/bundles/canonical-json.ts";
import { readBundle, writeBundle } from "../../../gateway/bundles/content.ts";
import { resolveProfiles } from "../../../gateway/bundles/profiles.ts";
import { errorCode } from "../../../gateway/errors.ts";
import { encodeCbor } from "../../../gateway/sealing/cbor.ts";
import { bundleOf, smallFlow } from "../../fakes/bundle-kit.ts";

test("the same content is the same bytes, and comes back", () => {
  const about = { createdAt: 1 };
  const flows = smallFlow("1");
  assert.deepEqual(bundleOf(1, { flows }, about), bundleOf(1, { flows: [...flows] }, about));
  const bundle = readBundle(bundleOf(1, { roles: { nurse: ["board.view"] } }, about));
  assert.deepEqual(bundle.flows, flows);
  assert.deepEqual(bundle.roles, { nurse: ["board.view"] });
});

test("the order of nodes and fields does not change a flow's hash, every field does", () => {
  const flow = smallFlow("1");
  const turned = flow
    .toReversed()
    .map((node) => Object.fromEntries(Object.entries(node).reverse()));
  assert.equal(flowHash(turned), flowHash(flow));
  assert.notEqual(flowHash(smallFlow("2")), flowHash(flow));
});

test("names that are no file of a bundle are refused", () => {
  for (const name of [
    "../etc/passwd",
    "/flows.json",
    "devices/../flows.json",
    "devices/A.json",
    "devices/.json",
    "flows.json\0",
    "",
    "__proto__",
  ]) {
    const bytes = encodeCbor(new Map([[name, Buffer.from("{}")]]));
    assert.throws(() => unpackFiles(bytes), { code: "WARD_BUNDLE_CONTENT" }, name);
    assert.throws(() => packFiles(new Map([[name, "{}"]])), { code: "WARD_BUNDLE_CONTENT" }, name);
  }
});

test("a file that its manifest does not name, or that is missing, is refused", () => {
  const files = unpackFiles(bundleOf(1));
  const without = new Map([...files].filter(([path]) => path !== "roles.json"));
  assert.throws(() => readBundle(packFiles(without)), { code: "WARD_BUNDLE_CONTENT" });
  const more = new Map([...files, ["devices/x.json", "{}"] as const]);
  assert.throws(() => readBundle(packFiles(more)), { code: "WARD_BUNDLE_CONTENT" });
  const other = new Map([...files, ["policy.json", '{"deleteOn":"broker"}'] as const]);
  assert.throws(() => readBundle(packFiles(other)), /policy\.json is not the one/);
});

const UNUSABLE: readonly { what: string; content: Parameters<typeof bundleOf>[1] }[] = [
  { what: "two nodes with one id", content: { flows: [{ id: "a" }, { id: "a" }] } },
  { what: "a node without id", content: { flows: [{ type: "tab" }] } },
  { what: "no recipient", content: { recipients: [] } },
  { what: "a recipient that is no key", content: { recipients: [{ kid: "x", spki: "AAAA" }] } },
  { what: "a role with odd words", content: { roles: { nurse: ["a b"] } } },
  { what: "a policy of another version", content: { policy: { other: 1 } as object } },
  {
    what: "a description for a driver that takes none",
    content: { devices: { x: { model: "nonin-format7", description: {} } } },
  },
  {
    what: "a description that is not there",
    content: {
      flows: [
        { id: "a", model: "generic-modbus", options: [{ name: "map", value: "profile:gone" }] },
      ],
    },
  },
];

for (const { what, content } of UNUSABLE) {
  test(`not a bundle: ${what}`, () => {
    assert.throws(() => bundleOf(1, content), { code: "WARD_BUNDLE_CONTENT" });
  });
}

test("a device description goes into the option of the device that names it", () => {
  const description = { title: "Fridge", points: [{ address: 1 }] };
  const devices = { fridge: { model: "generic-modbus", description } };
  const node = {
    id: "a",
    type: "ward-modbus",
    device: "lab/fridge",
    model: "generic-modbus",
    options: [{ name: "map", value: "profile:fridge" }],
  };
  const bundle = readBundle(bundleOf(1, { flows: [node], devices }));
  const [resolved] = resolveProfiles(bundle.flows, bundle.devices);
  assert.deepEqual(
    JSON.parse(String(Reflect.get(Object(resolved?.["options"]), 0).value)),
    description,
  );
  assert.throws(() => bundleOf(1, { flows: [{ ...node, model: "generic-line" }], devices }), {
    code: "WARD_BUNDLE_CONTENT",
  });
});

test("whatever bytes come, they are a bundle or refused in plain words", () => {
  const whole = bundleOf(1, {}, { createdAt: 1 });
  const damage = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .tuple(fc.nat(whole.length - 1), fc.nat(255))
      .map(([at, byte]) => whole.map((old, place) => (place === at ? byte : old))),
    fc.nat(whole.length - 1).map((length) => whole.subarray(0, length)),
  );
  fc.assert(
    fc.property(damage, (bytes) => {
      try {
        // A changed note is a good bundle, of other bytes: what is signed are the bytes.
        const bundle = readBundle(bytes);
        assert.deepEqual(Buffer.from(writeBundle(bundle, bundle.manifest)), Buffer.from(bytes));
      } catch (error) {
        assert.equal(errorCode(error), "WARD_BUNDLE_CONTENT");
      }
    }),
    { numRuns: 300 },
  );
});

test("JSON that nests too deep, or says what JSON cannot, is refused", () => {
  let deep: unknown = 1;
  for (let depth = 0; depth < 100; depth += 1) {
    deep = [deep];
  }
  for (const value of [deep, Number.NaN, 1n, () => 1]) {
    assert.throws(() => canonicalJson(value), { code: "WARD_BUNDLE_CONTENT" });
  }
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value);
      assert.equal(canonicalJson(JSON.parse(text)), text);
    }),
  );
});
