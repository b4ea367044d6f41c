import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { test } from "node:test";

import * as fc from "fast-check";

import { parsePlace } from "../../../gateway/devices/opcua-place.ts";
import type { PathStep } from "../../../gateway/devices/opcua-place.ts";
import { walkPath } from "../../../gateway/lines/opcua-path.ts";
import { thumbprint, TrustList } from "../../../gateway/lines/opcua-trust.ts";
import { plainValue, unitOf } from "../../../gateway/lines/opcua-value.ts";
import type { ValueKind } from "../../../gateway/lines/opcua-value.ts";

const NAMESPACES = [
  "http://opcfoundation.org/UA/",
  "urn:maker",
  "http://opcfoundation.org/UA/LADS/",
];

test("a place is a browse path or a node id", () => {
  assert.deepEqual(parsePlace("nsu=urn:x;s=Tank > 1"), {
    kind: "node",
    namespace: "urn:x",
    id: "s=Tank > 1",
  });
  assert.deepEqual(parsePlace("i=2258"), {
    kind: "node",
    namespace: "http://opcfoundation.org/UA/",
    id: "i=2258",
  });
  assert.deepEqual(parsePlace("http://a/b/;DeviceSet > * > Inc;7"), {
    kind: "path",
    steps: [
      { namespace: "http://a/b/", name: "DeviceSet" },
      { namespace: null, name: null },
      { namespace: "Inc", name: "7" },
    ],
  });
  for (const bad of [
    "",
    "a >  > b",
    "urn:x;",
    "ns=2;s=Tank",
    "s=Tank",
    Array.from({ length: 17 }, () => "a").join(" > "),
  ]) {
    assert.throws(() => parsePlace(bad), { code: "WARD_OPCUA_POINT" });
  }
});

test("a path is walked by namespace and name, and a star follows whichever leads on", async () => {
  const tree: Record<string, { node: string; namespace: string; name: string }[]> = {
    root: [
      { node: "set", namespace: "di", name: "DeviceSet" },
      { node: "other", namespace: "x", name: "DeviceSet" },
    ],
    set: [
      { node: "a", namespace: "m", name: "A" },
      { node: "b", namespace: "m", name: "B" },
    ],
    a: [{ node: "at", namespace: "m", name: "T" }],
    b: [{ node: "bt", namespace: "m", name: "U" }],
  };
  const walk = (steps: PathStep[]): Promise<readonly string[]> =>
    walkPath("root", steps, async (nodes) => nodes.map((node) => tree[node] ?? []));
  const set: PathStep = { namespace: "di", name: "DeviceSet" };
  const any: PathStep = { namespace: null, name: null };
  assert.deepEqual(await walk([set, any, { namespace: null, name: "T" }]), ["at"]);
  assert.deepEqual(await walk([set, any]), ["a", "b"]);
  assert.deepEqual(await walk([set, { namespace: "z", name: "A" }]), []);
});

test("values become what JSON carries, or null, and never throw", () => {
  const plain = (value: unknown, kind: ValueKind = "other"): unknown =>
    plainValue(value, kind, NAMESPACES);
  assert.equal(plain(Math.fround(36.9), "single"), 36.9);
  assert.equal(plain(36.95), 36.95);
  assert.equal(plain(Number.NaN), null);
  assert.equal(plain([0, 5]), 5);
  // The library gives both halves of a negative Int64 without sign.
  assert.equal(plain([0xffff_ffff, 0xffff_fffe], "signed-64"), -2);
  assert.equal(plain([0xffff_ffff, 0xffff_fffe]), null);
  assert.equal(plain([0x7fff_ffff, 0], "signed-64"), null);
  assert.equal(plain({ text: "Offen", locale: "de" }), "Offen");
  const nodeId = { identifierType: 1, namespace: 2, value: 5025 };
  assert.equal(plain(nodeId), "nsu=http://opcfoundation.org/UA/LADS/;i=5025");
  assert.equal(plain({ ...nodeId, namespace: 9 }), null);
  fc.assert(
    fc.property(fc.anything(), fc.constantFrom(...KINDS), (value, kind) => {
      const found = plainValue(value, kind, NAMESPACES);
      assert.ok(found === null || ["number", "string", "boolean"].includes(typeof found));
      assert.ok(typeof found !== "number" || Number.isFinite(found));
    }),
    { numRuns: 1000 },
  );
});

const KINDS: readonly ValueKind[] = ["single", "signed-64", "other"];

test("a unit is read only from the list of units that its id belongs to", () => {
  const namespaceUri = "http://www.opcfoundation.org/UA/units/un/cefact";
  assert.equal(unitOf({ namespaceUri, unitId: 4_408_652 }), 4_408_652);
  assert.equal(unitOf({ namespaceUri: "urn:maker:units", unitId: 4_408_652 }), null);
  assert.equal(unitOf(null), null);
});

/** A throw-away self-signed certificate, valid or not: only its bytes matter here. */
const PEM = `-----BEGIN CERTIFICATE-----
MIIBUzCB+qADAgECAhRdVv3kMmAihVb9XyQ5YrBSQ0VeqzAKBggqhkjOPQQDAjAA
-----END CERTIFICATE-----`;

test("a trust list that cannot be read is an error, not an empty list", () => {
  assert.throws(() => new TrustList(["no certificate"]), { code: "WARD_OPCUA_TRUST_LIST" });
  assert.throws(() => new TrustList([PEM]), { code: "WARD_OPCUA_TRUST_LIST" });
  assert.throws(() => new X509Certificate(PEM));
});

test("an empty trust list trusts nobody and names the SHA-256 thumbprint", () => {
  const trust = new TrustList([]);
  const certificate = Buffer.from("some certificate");
  const hex = createHash("sha256").update(certificate).digest("hex");
  assert.equal(thumbprint(certificate).replaceAll(":", "").toLowerCase(), hex);
  assert.throws(() => trust.check(certificate, "opc.tcp://a:1"), {
    code: "WARD_OPCUA_UNTRUSTED",
    message: new RegExp(thumbprint(certificate)),
  });
});
