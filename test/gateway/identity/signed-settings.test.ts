import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { makeSign1 } from "../../../gateway/sealing/cose.ts";
import { CONTEXT } from "../../../gateway/sealing/envelope.ts";
import {
  settingsProblems,
  signSettings,
  verifySettings,
} from "../../../gateway/identity/signed-settings.ts";
import type { SignedSettings } from "../../../gateway/identity/signed-settings.ts";
import { createRoot } from "../../../provisioning/ca.ts";
import { AT, flips, GATEWAY, party, signingKeys, wardCode } from "../../fakes/sealing-kit.ts";

const { publicKey, privateKey } = signingKeys();
const receiptKey = signingKeys()
  .publicKey.export({ format: "der", type: "spki" })
  .toString("base64");
const server = await createRoot("servers", "Test");
const settings: SignedSettings = {
  version: 1,
  gateway: GATEWAY,
  issuedAt: AT,
  authoring: false,
  recipients: [party("hub").recipient, party("escrow").recipient],
  receiptKey,
  broker: { url: "mqtts://broker.ward.example:8883", serverName: "broker.ward.example" },
  lines: ["serial:/dev/ttyUSB0", "tcp://10.1.2.3:4001", "opc.tcp://incubator:4840/path"],
  opcuaTrust: [server.certificate],
  flows: [{ id: "a", type: "tab", label: "Ward" }],
};

describe("signed settings", () => {
  test("come back as they were signed", () => {
    assert.deepEqual(verifySettings(signSettings(settings, privateKey), publicKey), settings);
  });

  test("say whose word deletes a record; those signed before that was asked go on to count", () => {
    for (const deleteOn of ["hub", "broker"] as const) {
      const signed = signSettings({ ...settings, deleteOn }, privateKey);
      assert.equal(verifySettings(signed, publicKey).deleteOn, deleteOn);
    }
    assert.equal(verifySettings(signSettings(settings, privateKey), publicKey).deleteOn, undefined);
    assert.deepEqual(settingsProblems({ ...settings, deleteOn: "puback" }), [
      'deleteOn is neither "hub" nor "broker"',
    ]);
  });

  test("are not looked at under another key", () => {
    const bytes = signSettings(settings, privateKey);
    assert.equal(
      wardCode(() => verifySettings(bytes, signingKeys().publicKey)),
      "WARD_SITE",
    );
    assert.equal(
      wardCode(() => verifySettings(bytes, party("hub").key)),
      "WARD_SITE",
    );
    assert.throws(() => verifySettings(bytes, signingKeys().publicKey), /signature/);
  });

  test("accept no bit flip and no random bytes", () => {
    for (const changed of flips(signSettings({ ...settings, opcuaTrust: [] }, privateKey))) {
      assert.equal(
        wardCode(() => verifySettings(changed, publicKey)),
        "WARD_SITE",
      );
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.equal(
          wardCode(() => verifySettings(bytes, publicKey)),
          "WARD_SITE",
        );
      }),
      { numRuns: 1000 },
    );
  });

  test("list every problem at once", () => {
    const wrong = {
      version: 2,
      gateway: "GW",
      authoring: "no",
      recipients: [{ kid: "hub", spki: "AAAA" }],
      receiptKey: settings.recipients[0]?.spki,
      broker: { url: "mqtt://broker:1883", serverName: "" },
      lines: ["/dev/ttyUSB0"],
      opcuaTrust: ["-----BEGIN"],
      flows: [1],
      extra: true,
    };
    assert.deepEqual(settingsProblems(wrong), [
      "version is not 1",
      "gateway does not match [a-z0-9-]{3,64}",
      "issuedAt is missing",
      "authoring is not true or false",
      "recipients[0]: spki is not a public key in base64 DER",
      "receiptKey is not an Ed25519 key",
      "broker has a url that is not mqtts://host:port",
      "lines[0] is not a line URL of up to 512 characters",
      "opcuaTrust[0] is not a certificate in PEM",
      "flows[0] is not an object",
      "extra is not a setting of this version",
    ]);
    const bytes = sign(JSON.stringify(wrong));
    assert.throws(() => verifySettings(bytes, publicKey), /version is not 1; .*; extra is not/);
  });

  test("are checked field by field", () => {
    const wrong: readonly [keyof SignedSettings, unknown][] = [
      ["recipients", []],
      ["recipients", [settings.recipients[0], settings.recipients[0]]],
      ["recipients", [{ kid: "hub" }]],
      ["recipients", [{ ...settings.recipients[0], more: 1 }]],
      ["recipients", "hub"],
      ["receiptKey", 1],
      ["receiptKey", ""],
      ["broker", null],
      ["broker", { url: "mqtts://broker", serverName: "broker" }],
      ["broker", { url: "mqtts://broker:8883", serverName: "bro ker" }],
      ["broker", { url: 1, serverName: "broker" }],
      ["lines", {}],
      ["lines", ["tcp://a b"]],
      ["lines", Array.from({ length: 1025 }, () => "tcp://a:1")],
      ["opcuaTrust", [1]],
      ["flows", {}],
      ["flows", [null]],
      ["issuedAt", -1],
      ["issuedAt", "today"],
    ];
    for (const [name, value] of wrong) {
      const problems = settingsProblems({ ...settings, [name]: value });
      assert.equal(problems.length, 1, `${name}: ${JSON.stringify(value)}`);
      assert.ok(problems[0]?.startsWith(name));
    }
    for (const value of [null, [], "text", 1]) {
      assert.deepEqual(settingsProblems(value), ["the settings are not a JSON object"]);
    }
    assert.deepEqual(settingsProblems(settings), []);
  });

  test("that are no JSON, or signed as something else, are refused", () => {
    assert.throws(() => verifySettings(sign("{"), publicKey), /not JSON/);
    assert.equal(
      wardCode(() => verifySettings(sign("\uFEFF{}"), publicKey)),
      "WARD_SITE",
    );
    const text = JSON.stringify(settings);
    for (const other of [
      sign(text, { context: CONTEXT.receipt }),
      sign(text, { type: 42 }),
      sign(Buffer.of(0xff, 0xfe)),
    ]) {
      assert.equal(
        wardCode(() => verifySettings(other, publicKey)),
        "WARD_SITE",
      );
    }
  });

  test("are not signed when they are wrong", () => {
    const wrong = { ...settings, gateway: "x" };
    assert.equal(
      wardCode(() => signSettings(wrong, privateKey)),
      "WARD_SITE",
    );
  });

  function sign(
    text: string | Uint8Array,
    o: { context?: string; type?: number } = {},
  ): Uint8Array {
    return makeSign1({
      headers: new Map([[3, o.type ?? 50]]),
      payload: Buffer.from(text),
      key: privateKey,
      context: o.context ?? CONTEXT.settings,
    });
  }
});
