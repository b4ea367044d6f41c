import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { unpackFiles } from "../../gateway/bundles/archive.ts";
import { readBundle } from "../../gateway/bundles/content.ts";
import { readManifest } from "../../gateway/bundles/manifest.ts";
import { pinnedRoot } from "../../gateway/bundles/metadata.ts";
import { profileProblem } from "../../gateway/bundles/profiles.ts";
import { unpackSigned } from "../../gateway/bundles/signed-bundle.ts";
import { demandSourceName } from "../../gateway/bundles/source.ts";
import { readCertificatesOnly } from "../../gateway/enrolment/certificates-only.ts";
import { parseClaim } from "../../gateway/enrolment/claim-file.ts";
import { readSigningRequest } from "../../gateway/enrolment/csr.ts";
import { errorText, WardError } from "../../gateway/errors.ts";
import { lintFlow } from "../../gateway/flow-lint.ts";
import { parseRoomToMain } from "../../gateway/house/room-words.ts";
import { verifyBinding } from "../../gateway/identity/identity.ts";
import { readRevocationLists } from "../../gateway/identity/revocation.ts";
import { settingsProblems, verifySettings } from "../../gateway/identity/signed-settings.ts";
import { verifyWipe } from "../../gateway/identity/wiping.ts";
import { itemProblem } from "../../gateway/item-shape.ts";
import { readCheckpoint } from "../../gateway/journal/checkpoint.ts";
import { decodeEntry } from "../../gateway/journal/entry.ts";
import { parseJournalEvent } from "../../gateway/journal/event.ts";
import { readJournalMessage, readJournalQuestion } from "../../gateway/journal/message.ts";
import { valueAt } from "../../gateway/json-value.ts";
import { TelnetReader } from "../../gateway/lines/telnet.ts";
import { PacketGuard } from "../../gateway/mqtt/mqtt-packet-guard.ts";
import { decodeCbor } from "../../gateway/sealing/cbor.ts";
import { decodeGap } from "../../gateway/sealing/gap.ts";
import { readEpoch, readRecord } from "../../gateway/sealing/open.ts";
import { unpack } from "../../gateway/sealing/pack.ts";
import { readParcel } from "../../gateway/sealing/parcel.ts";
import { verifyReceipt } from "../../gateway/sealing/receipt.ts";
import { decodeTally } from "../../gateway/sealing/tally.ts";
import { decodeItems } from "../../gateway/sealing/unbatch.ts";
import { readEncrypt } from "../../gateway/sealing/wrap.ts";
import { readSettings } from "../../gateway/settings.ts";
import { readNeedEpoch, readReceipt } from "../../gateway/uplink/uplink-messages.ts";
import { journalGateway, parseUpTopic } from "../../hub/topics.ts";
import { createRoot } from "../../provisioning/ca.ts";
import { parseInventory } from "../../provisioning/fleet/inventory.ts";
import {
  DEEP_CBOR,
  DEEP_JSON,
  isPolluted,
  NASTY,
  ONE_LINE,
  POLLUTING,
  WIDE_CBOR,
} from "../fakes/hostile-kit.ts";

/**
 * Every parser of bytes from outside against the same evil: none is held up, none lets anything but a WardError out, and none
 * changes what all objects have.
 */

let root: X509Certificate;
let directory: string;
before(async () => {
  directory = mkdtempSync(join(tmpdir(), "ward-hostile-"));
  root = new X509Certificate((await createRoot("gateways", "Test")).certificate);
});

after(() => rmSync(directory, { recursive: true }));

const { publicKey } = generateKeyPairSync("ed25519");

const OF_BYTES: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  CBOR: decodeCbor,
  "a sealed record": readRecord,
  "an epoch": readEpoch,
  "a wrapped key": readEncrypt,
  "packed bytes": unpack,
  "a batch": decodeItems,
  "a tally": decodeTally,
  "a gap record": decodeGap,
  "a receipt": (bytes) => verifyReceipt(bytes, publicKey),
  "a receipt for a gateway": (bytes) => readReceipt(bytes, publicKey, "gw-001"),
  "a question for an epoch": readNeedEpoch,
  "a parcel": async (bytes) => {
    const file = join(directory, "parcel");
    writeFileSync(file, bytes);
    return await readParcel(file, async () => undefined);
  },
  "a journal's message": readJournalMessage,
  "a question to a journal": readJournalQuestion,
  "a journal's entry": decodeEntry,
  "a bundle's files": unpackFiles,
  "a bundle": readBundle,
  "a slot": unpackSigned,
  "root metadata": pinnedRoot,
  "signed settings": (bytes) => verifySettings(bytes, publicKey),
  "a key binding": (bytes) => verifyBinding(bytes, { gatewaysRoot: root, at: Date.now() }),
  "a statement of wiping": (bytes) => verifyWipe(bytes, root),
  "a signing request": readSigningRequest,
  "certificates from EST": readCertificatesOnly,
  "a port's telnet": (bytes) => new TelnetReader().push(bytes),
  "MQTT packets": (bytes) => new PacketGuard(5000).accept(bytes),
};

const OF_TEXT: Readonly<Record<string, (text: string) => unknown>> = {
  "a claim": parseClaim,
  "a revocation list": readRevocationLists,
  "a checkpoint": readCheckpoint,
  "a topic": parseUpTopic,
  "a journal's topic": journalGateway,
  "a name in metadata": demandSourceName,
};

const OF_VALUES: Readonly<Record<string, (value: unknown) => unknown>> = {
  "what a room says": (value) => parseRoomToMain("flowhost", value),
  "what the listener says": (value) => parseRoomToMain("listener", value),
  "a journal's event": parseJournalEvent,
  "an item": itemProblem,
  "a flow": lintFlow,
  "a manifest": readManifest,
  "a profile": profileProblem,
  settings: (value) => readSettings(value, {}),
  "a gateway's settings": settingsProblems,
  "an inventory": parseInventory,
  "a field of JSON": (value) => valueAt(value, "__proto__", "polluted"),
};

/** Awaits what a parser makes of it; anything it throws must be a WardError of one line. */
async function endures(what: string, act: () => unknown): Promise<void> {
  try {
    await act();
  } catch (error) {
    assert.ok(error instanceof WardError, `${what}: ${String(error)}`);
    assert.match(errorText(error), ONE_LINE, what);
  }
  assert.equal(isPolluted(), false, what);
}

const TEXTS = [DEEP_JSON, `${'{"a":'.repeat(50_000)}1`, ...POLLUTING, NASTY, "", "null", "1e999"];
const BYTES: readonly Uint8Array[] = [
  DEEP_CBOR,
  ...WIDE_CBOR,
  Buffer.alloc(1_000_000),
  Buffer.alloc(70_000, 0xff),
  Buffer.alloc(70_000, 0x30),
  ...TEXTS.map((text) => Buffer.from(text)),
];

test("bytes that nest, announce, pollute or command: every parser of bytes answers with a WardError or a value", async () => {
  for (const [what, parse] of Object.entries(OF_BYTES)) {
    for (const bytes of BYTES) {
      await endures(what, () => parse(bytes));
    }
  }
});

test("text that nests, pollutes or commands: every parser of text answers with a WardError or a value", async () => {
  for (const [what, parse] of Object.entries(OF_TEXT)) {
    for (const text of [...TEXTS, "../../etc/passwd", "x".repeat(1_000_000)]) {
      await endures(what, () => parse(text));
    }
  }
});

/** A value as it comes out of JSON.parse, nested as deep as a frame may be. */
function deepValue(): unknown {
  let value: unknown = 1;
  for (let depth = 0; depth < 100_000; depth += 1) {
    value = depth % 2 === 0 ? [value] : { a: value };
  }
  return value;
}

test("values that nest or pollute: every check of a value answers with a WardError or a value", async () => {
  const values: unknown[] = [deepValue(), ...POLLUTING.map((text): unknown => JSON.parse(text))];
  for (const [what, check] of Object.entries(OF_VALUES)) {
    for (const value of values) {
      await endures(what, () => check(value));
      await endures(`${what}, inside`, () =>
        check({ t: "journal", id: 1, event: value, flows: value, nodes: [value] }),
      );
      await endures(`${what}, in a list`, () => check([value]));
    }
  }
});
