import assert from "node:assert/strict";
import {
  createPrivateKey,
  createSecretKey,
  generateKeyPairSync,
  X509Certificate,
} from "node:crypto";
import type { KeyObject } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";

import { makeBinding, verifyBinding } from "../../../gateway/identity/identity.ts";
import { encodeItems } from "../../../gateway/sealing/batch.ts";
import { makeEncrypt0 } from "../../../gateway/sealing/cose.ts";
import { CONTEXT, sealedHeaders } from "../../../gateway/sealing/envelope.ts";
import { makeEpoch, recordKey } from "../../../gateway/sealing/epoch.ts";
import { openItems, readEpoch, readRecord } from "../../../gateway/sealing/open.ts";
import { pack } from "../../../gateway/sealing/pack.ts";
import { RecordSigner } from "../../../gateway/sealing/sign.ts";
import { parseRecipient } from "../../../gateway/sealing/wrap.ts";
import { createRoot, issueGateway, validFor } from "../../../provisioning/ca.ts";
import { AT, GATEWAY, reading, STORE } from "../../fakes/sealing-kit.ts";
import { softwareTlsKey } from "../../../gateway/identity/key-provider.ts";

const README = new URL("../../../gateway/sealing/README.md", import.meta.url);
const EXAMPLE = /<!-- example -->\n([\s\S]*?)<!-- \/example -->/;
const items = [
  reading({ at: AT, deviceAt: AT - 12 }),
  reading({
    at: AT,
    deviceAt: AT - 12,
    index: 1,
    code: "TEMP",
    mdc: null,
    text: "36.60",
    value: 36.6,
    unit: "Cel",
  }),
];
const place = {
  gateway: GATEWAY,
  store: STORE,
  class: "vital",
  sequence: 1,
  previous: null,
  storedAt: AT + 20,
} as const;
const salt = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf";

const NOTES: Readonly<Record<string, string>> = {
  "gateways root": "the gateways' root, an X.509 certificate",
  "recipient key": "the private key of recipient `hub`, PKCS #8",
  "signing key": "the gateway's signing key, PKCS #8",
  epoch: "the epoch as it is published (§8), binding (§9) inside",
  "epoch key": "what unwrapping it gives",
  content: "the content (§5)",
  plaintext: "packed (§3)",
  "record key": "the record's key (§2)",
  "record iv": "and its IV",
  batch: "encrypted: COSE_Encrypt0",
  record: "signed: the record as it is published",
};

interface Example {
  readonly [name: string]: Uint8Array;
}

if (process.env["UPDATE"] === "1") {
  const text = readFileSync(README, "utf8");
  const example = render(await makeExample());
  writeFileSync(
    README,
    text.replace(EXAMPLE, () => `<!-- example -->\n${example}<!-- /example -->`),
  );
}
const example = parse(readFileSync(README, "utf8"));

describe("the worked example of README.md", () => {
  const signing = privateKey(part("signing key"));
  const signer = new RecordSigner({ key: signing });
  const epoch = readEpoch(part("epoch"));

  test("opens in the order that the page says", () => {
    const gatewaysRoot = new X509Certificate(part("gateways root"));
    const bound = verifyBinding(epoch.binding, { gatewaysRoot, at: epoch.createdAt });
    assert.equal(bound.gateway, epoch.gateway);
    assert.equal(epoch.verify(bound.key), true);
    const epochKey = epoch.unwrap({ kid: "hub", key: privateKey(part("recipient key")) });
    assert.equal(epochKey.export().toString("hex"), hex(part("epoch key")));
    const record = readRecord(part("record"));
    assert.equal(record.header.epoch, epoch.epoch);
    assert.equal(record.verify(bound.key), true);
    assert.deepEqual(record.place, place);
    assert.deepEqual(openItems(record.encrypt0, epochKey), items);
  });

  test("is what the code makes, byte for byte", () => {
    const content = encodeItems(items);
    assert.equal(hex(content), hex(part("content")));
    assert.equal(hex(pack(content)), hex(part("plaintext")));
    const epochKey = createSecretKey(part("epoch key"));
    const { key, iv } = recordKey(
      epochKey,
      Buffer.from(epoch.epoch, "hex"),
      Buffer.from(salt, "hex"),
    );
    assert.equal(hex(key.export()), hex(part("record key")));
    assert.equal(hex(iv), hex(part("record iv")));
    const sealed = sealedExample(epoch.epoch, epochKey);
    assert.equal(hex(sealed), hex(part("batch")));
    assert.equal(hex(signer.sign(sealed, place).bytes), hex(part("record")));
  });
});

function part(name: string): Uint8Array {
  const bytes = example[name];
  assert.ok(
    bytes !== undefined,
    `${name} is missing: run UPDATE=1 node --test ${import.meta.filename}`,
  );
  return bytes;
}

function sealedExample(epoch: string, epochKey: KeyObject): Uint8Array {
  const header = {
    version: 1,
    class: "vital",
    epoch,
    salt,
    firstAt: AT,
    lastAt: AT,
    count: 2,
  } as const;
  return makeEncrypt0({
    headers: sealedHeaders(header),
    plaintext: pack(encodeItems(items)),
    ...recordKey(epochKey, Buffer.from(epoch, "hex"), Buffer.from(salt, "hex")),
    context: CONTEXT.batch,
  });
}

/** A new example: all keys, and so all bytes but the content, are others. */
async function makeExample(): Promise<Example> {
  const validity = validFor(3650, new Date(AT));
  const root = await createRoot("gateways", "Example", validity);
  const gateway = await issueGateway(root, GATEWAY, validity);
  const signing = generateKeyPairSync("ed25519");
  const recipient = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = recipient.publicKey.export({ format: "der", type: "spki" }).toString("base64");
  const binding = makeBinding({
    certificateChainPem: gateway.certificate,
    certificateKey: softwareTlsKey(createPrivateKey(gateway.key)),
    signingPublicKey: signing.publicKey,
    now: AT,
  });
  const epoch = makeEpoch({
    gateway: GATEWAY,
    origin: "flowhost",
    recipients: [parseRecipient({ kid: "hub", spki })],
    createdAt: AT,
  });
  const signer = new RecordSigner({ key: signing.privateKey });
  const content = encodeItems(items);
  const sealed = sealedExample(epoch.epoch, epoch.key);
  const { key, iv } = recordKey(
    epoch.key,
    Buffer.from(epoch.epoch, "hex"),
    Buffer.from(salt, "hex"),
  );
  return {
    "gateways root": new X509Certificate(root.certificate).raw,
    "recipient key": recipient.privateKey.export({ format: "der", type: "pkcs8" }),
    "signing key": signing.privateKey.export({ format: "der", type: "pkcs8" }),
    epoch: signer.signEpoch(epoch.wrapped, { gateway: GATEWAY, store: STORE, binding }),
    "epoch key": epoch.key.export(),
    content,
    plaintext: pack(content),
    "record key": key.export(),
    "record iv": iv,
    batch: sealed,
    record: signer.sign(sealed, place).bytes,
  };
}

function render(parts: Example): string {
  const lines = items.map((item) => JSON.stringify(item)).join("\n");
  const blocks = Object.entries(parts).map(([name, bytes]) => {
    const rows = hex(bytes).match(/.{1,100}/g) ?? [];
    return `**${name}**: ${NOTES[name]}\n\n\`\`\`\n${rows.join("\n")}\n\`\`\`\n\n`;
  });
  return `\nThe items:\n\n\`\`\`json\n${lines}\n\`\`\`\n\n${blocks.join("")}`;
}

function parse(text: string): Example {
  const [, body = ""] = EXAMPLE.exec(text) ?? [];
  const parts: Record<string, Uint8Array> = {};
  for (const [, name = "", rows = ""] of body.matchAll(
    /\*\*(.+?)\*\*: .*\n\n```\n([0-9a-f\n]+)```/g,
  )) {
    parts[name] = new Uint8Array(Buffer.from(rows.replaceAll("\n", ""), "hex"));
  }
  const [, printed = ""] = /```json\n([\s\S]*?)```/.exec(body) ?? [];
  assert.equal(printed.trim(), items.map((item) => JSON.stringify(item)).join("\n"));
  return parts;
}

function privateKey(der: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
