import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { test } from "node:test";

import * as fc from "fast-check";

import { parsePlace, walkPath } from "../../../gateway/lines/opcua-path.ts";
import type { PathStep } from "../../../gateway/lines/opcua-path.ts";
import { thumbprint, TrustList } from "../../../gateway/lines/opcua-trust.ts";
import { plainValue } from "../../../gateway/lines/opcua-value.ts";

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
  assert.deepEqual(parsePlace("http://a/b/;DeviceSet > * > Inc;7"), {
    kind: "path",
    steps: [
      { namespace: "http://a/b/", name: "DeviceSet" },
      { namespace: null, name: null },
      { namespace: "Inc", name: "7" },
    ],
  });
  for (const bad of ["", "a >  > b", "urn:x;", Array.from({ length: 17 }, () => "a").join(" > ")]) {
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
    walkPath("root", steps, async (node) => tree[node] ?? []);
  const set: PathStep = { namespace: "di", name: "DeviceSet" };
  const any: PathStep = { namespace: null, name: null };
  assert.deepEqual(await walk([set, any, { namespace: null, name: "T" }]), ["at"]);
  assert.deepEqual(await walk([set, any]), ["a", "b"]);
  assert.deepEqual(await walk([set, { namespace: "z", name: "A" }]), []);
});

test("values become what JSON carries, or null, and never throw", () => {
  assert.equal(plainValue(Math.fround(36.9), true, NAMESPACES), 36.9);
  assert.equal(plainValue(36.95, false, NAMESPACES), 36.95);
  assert.equal(plainValue(Number.NaN, false, NAMESPACES), null);
  assert.equal(plainValue([0, 5], false, NAMESPACES), 5);
  assert.equal(plainValue([-1, 0xffff_ffff], false, NAMESPACES), -1);
  assert.equal(plainValue([0x7fff_ffff, 0], false, NAMESPACES), null);
  assert.equal(plainValue({ text: "Offen", locale: "de" }, false, NAMESPACES), "Offen");
  const nodeId = { identifierType: 1, namespace: 2, value: 5025 };
  assert.equal(
    plainValue(nodeId, false, NAMESPACES),
    "nsu=http://opcfoundation.org/UA/LADS/;i=5025",
  );
  assert.equal(plainValue({ ...nodeId, namespace: 9 }, false, NAMESPACES), null);
  fc.assert(
    fc.property(fc.anything(), fc.boolean(), (value, isFloat) => {
      const plain = plainValue(value, isFloat, NAMESPACES);
      assert.ok(plain === null || ["number", "string", "boolean"].includes(typeof plain));
      assert.ok(typeof plain !== "number" || Number.isFinite(plain));
    }),
    { numRuns: 1000 },
  );
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
