import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { guardPolicy, type GuardPolicy } from "../../../gateway/guard/policy.ts";
import { renderRules } from "../../../gateway/guard/ruleset.ts";
import { type NetworkRules, networkProblem } from "../../../gateway/identity/network-rules.ts";
import { networkRules, SettingsSigner } from "../../fakes/guard-kit.ts";

const signer = new SettingsSigner();

function policyOf(network: NetworkRules, lines: readonly string[] = []): GuardPolicy {
  const policy = guardPolicy(signer.settings({ network, lines }));
  assert.ok(policy !== null);
  return policy;
}

/** Addresses as they are; a name has two. */
const addresses = (host: string): readonly string[] =>
  /^[0-9.]+$|:/.test(host)
    ? [host]
    : host === "unknown.example"
      ? []
      : ["192.0.2.1", "2001:db8::1"];

describe("the policy of signed settings", () => {
  test("is none where they say nothing about the network", () => {
    assert.equal(guardPolicy(signer.settings()), null);
  });

  test("knows whom the gateway reads and calls by what they say anyway", () => {
    const settings = signer.settings({
      network: networkRules({ own: { unlisted: "drop", hosts: ["udp://ntp.example:123"] } }),
      lines: [
        "serial:/dev/ttyUSB0",
        "rfc2217://10.20.0.9:7000",
        "udp://[fd20::7]:4000",
        "opc.tcp://h/p",
      ],
      bundles: { channel: "ward", url: "https://bundles.example/x/" },
    });
    assert.deepEqual(guardPolicy(settings), {
      wardInterfaces: [],
      reads: [
        { protocol: "tcp", host: "10.20.0.9", port: 7000 },
        { protocol: "udp", host: "fd20::7", port: 4000 },
        { protocol: "tcp", host: "h", port: 4840 },
      ],
      allow: [],
      own: {
        unlisted: "drop",
        calls: [
          { protocol: "tcp", host: "10.1.0.5", port: 8883 },
          { protocol: "tcp", host: "bundles.example", port: 443 },
          { protocol: "udp", host: "ntp.example", port: 123 },
        ],
      },
    });
  });
});

describe("network rules in signed settings", () => {
  const right = networkRules({
    wardInterfaces: ["eth1", "enp2s0.7"],
    allow: [
      { from: "any", to: "udp://gateway:67" },
      { from: "fd20::/64", to: "tcp://[fd01::5]:443" },
    ],
    own: { unlisted: "drop", hosts: ["tcp://est.example:8443"] },
  });

  test("may be missing, and are taken as a whole", () => {
    assert.equal(networkProblem(right), null);
    const signed = signer.settings({ network: right });
    assert.doesNotThrow(() => signer.sign(signed));
  });

  for (const [what, wrong] of [
    ["more than there is", { ...right, more: 1 }],
    ["a name that is no interface", { ...right, wardInterfaces: ['eth1" accept'] }],
    ["an address that is none", { ...right, allow: [{ from: "10.20.0", to: "udp://gateway:67" }] }],
    [
      "a network that is too long",
      { ...right, allow: [{ from: "10.0.0.0/33", to: "udp://a:67" }] },
    ],
    ["a zone", { ...right, allow: [{ from: "fe80::1%eth1", to: "udp://a:67" }] }],
    ["a place without a port", { ...right, allow: [{ from: "any", to: "udp://a" }] }],
    [
      "a scheme that is no protocol",
      { ...right, own: { unlisted: "tell", hosts: ["https://a:1"] } },
    ],
    ["another word", { ...right, own: { unlisted: "accept", hosts: [] } }],
    ["no list", { ...right, allow: {} }],
  ] as const) {
    test(`are refused with ${what}`, () => {
      assert.notEqual(networkProblem(wrong), null);
      assert.throws(
        () => signer.sign({ ...signer.settings(), network: wrong as unknown as NetworkRules }),
        { code: "WARD_SITE" },
      );
    });
  }
});

describe("the rules", () => {
  test("replace those before in one transaction, and touch no other table", () => {
    const rules = renderRules(policyOf(networkRules({ wardInterfaces: ["eth1"] })), addresses);
    assert.ok(rules.startsWith("table inet ward\ndelete table inet ward\ntable inet ward {\n"));
    assert.equal(rules.match(/^(add |delete |flush )?table/gm)?.length, 3);
    assert.doesNotMatch(rules, /flush/);
  });

  test("let nothing through by default in the path, and stand in nobody's way beside it", () => {
    const inPath = renderRules(policyOf(networkRules({ wardInterfaces: ["eth1"] })), addresses);
    assert.match(inPath, /hook forward priority filter; policy drop;/);
    assert.match(inPath, /hook prerouting priority mangle/);
    const beside = renderRules(policyOf(networkRules()), addresses);
    assert.match(beside, /hook forward priority filter; policy accept;/);
    assert.doesNotMatch(beside, /hook prerouting|policy drop/);
  });

  test("let the box hear what is allowed to it, and answer", () => {
    const allow = [{ from: "10.20.0.0/24", to: "udp://gateway:67" }];
    const rules = renderRules(
      policyOf(networkRules({ wardInterfaces: ["eth1"], allow })),
      addresses,
    );
    const [, hears = ""] = /chain box_hears \{([^}]*\{[^}]*\}[^}]*)\}/.exec(rules) ?? [];
    assert.match(hears, /ip saddr 10\.20\.0\.0\/24 udp dport 67 accept/);
    assert.match(rules, /ip daddr 10\.20\.0\.0\/24 udp sport 67 accept/);
  });

  test("have every address of a name, of the family of the other side, and no rule for a name without any", () => {
    const allow = [
      { from: "10.20.0.7", to: "tcp://lis.example:2575" },
      { from: "any", to: "udp://unknown.example:123" },
    ];
    const rules = renderRules(
      policyOf(networkRules({ wardInterfaces: ["eth1"], allow })),
      addresses,
    );
    assert.match(rules, /ip saddr 10\.20\.0\.7\/32 ip daddr 192\.0\.2\.1 tcp dport 2575 accept/);
    assert.doesNotMatch(rules, /2001:db8::1 tcp dport 2575|dport 123/);
  });

  test("hold nothing but what settings can mean: no text of anybody becomes a rule", () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    const port = fc.integer({ min: 1, max: 65_535 });
    const place = fc
      .tuple(fc.constantFrom("tcp", "udp"), host, port)
      .map(
        ([protocol, name, number]) =>
          `${protocol}://${name.includes(":") ? `[${name}]` : name}:${number}`,
      );
    const text = fc.oneof(place, fc.string(), fc.constant("any"), host);
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant("eth1"), fc.string()), { maxLength: 3 }),
        fc.array(fc.record({ from: text, to: text }), { maxLength: 4 }),
        fc.array(text, { maxLength: 4 }),
        (wardInterfaces, allow, hosts) => {
          const network = networkRules({ wardInterfaces, allow, own: { unlisted: "drop", hosts } });
          fc.pre(networkProblem(network) === null);
          const rules = renderRules(policyOf(network), addresses);
          assert.match(rules, /^[a-z0-9 {};:,.|&()@"=!_<>/*\n-]*$/);
          const quotes = rules.match(/"[^"]*"/g) ?? [];
          assert.ok(quotes.every((quoted) => /^"[a-z][a-z0-9._-]*\*?"$/.test(quoted)));
        },
      ),
      { numRuns: 300 },
    );
  });
});
