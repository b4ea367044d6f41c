import assert from "node:assert/strict";
import { generateKeyPairSync, verify } from "node:crypto";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";

import { readMark, writeMark } from "../../gateway/bundles/mark.ts";
import { command as enroll } from "../../gateway/commands/enroll.ts";
import { command as wipe } from "../../gateway/commands/wipe.ts";
import { loadGatewayIdentity } from "../../gateway/identity/identity.ts";
import { openKeys } from "../../gateway/identity/open-keys.ts";
import { forgetLostTpm, settleKeys, type KeyWish } from "../../gateway/identity/settle-keys.ts";
import { readTpmPlace, writeTpmPlace } from "../../gateway/identity/tpm-file.ts";
import { TpmDevice } from "../../gateway/tpm/device.ts";
import { storageTemplate } from "../../gateway/tpm/templates.ts";
import { Tpm } from "../../gateway/tpm/tpm.ts";
import { readTss2Key, writeTss2Key } from "../../gateway/tpm/tss2-key.ts";
import {
  sized,
  TpmReader,
  u16,
  u32,
  type TpmAnswer,
  type TpmCommand,
} from "../../gateway/tpm/wire.ts";
import { makeClaim } from "../../provisioning/claims.ts";
import { GATEWAY, TestKeeper } from "../fakes/keeper-kit.ts";
import { noticesOf, RenewalSite, storeUntil } from "../fakes/renewal-kit.ts";
import { SoftTpm } from "../fakes/soft-tpm.ts";
import { run, start } from "../gateway/commands/wardgate.ts";
import { EstSite } from "../provisioning/est-site.ts";
import { providerProblem } from "../tpm-provider.ts";

/** Keys in a TPM 2.0: swtpm, behind something that is as strict as Linux' /dev/tpmrm0. */

const PARENT = 0x8101_5700;
const COUNTER = 0x0181_5700;
const noTpm = SoftTpm.missing ?? false;
const noTls = SoftTpm.missing ?? providerProblem() ?? false;

let directory: string;

before(() => {
  directory = mkdtempSync(join(tmpdir(), "ward-tpm-test-"));
});

after(() => rmSync(directory, { recursive: true }));

/** As a machine does that starts something else than before. */
function extend({ device }: SoftTpm, pcr: number): void {
  const parameters = Buffer.concat([u32(1), u16(0x000b), Buffer.alloc(32, 1)]);
  const command = { code: 0x182, handles: [pcr], sessions: [0x4000_0009], parameters };
  TpmDevice.use(device, (opened) => opened.send(command));
}

describe("a TPM", { skip: noTpm }, () => {
  let soft: SoftTpm;
  const use = <T>(act: (tpm: Tpm) => T): T =>
    TpmDevice.use(soft.device, (device) => act(new Tpm(device)));

  before(async () => {
    soft = await SoftTpm.start();
    use((tpm) => tpm.makeParent(PARENT));
  });

  after(() => soft.close());

  test("seals, and opens after a restart, and signs with a key that was born in it", async () => {
    const [sealed, key] = use((tpm) => [
      tpm.seal(PARENT, Buffer.from("secret"), []),
      tpm.makeKey(PARENT),
    ]);
    await soft.restart();
    assert.equal(use((tpm) => tpm.unseal(PARENT, sealed, [])).toString(), "secret");
    const { blob, parent, publicKey } = readTss2Key(writeTss2Key(PARENT, key));
    assert.equal(parent, PARENT);
    for (const data of ["a", "b", "c"].map((text) => Buffer.from(text))) {
      const signature: Buffer = use((tpm) => tpm.sign(parent, blob, data));
      const verifier = { key: publicKey, dsaEncoding: "ieee-p1363" } as const;
      assert.ok(verify("sha256", data, verifier, signature));
    }
  });

  test("what is sealed and unsealed crosses no wire in clear, and nobody answers in its place", () => {
    const secret = Buffer.from("nobody reads this on the way");
    const crossed: Buffer[] = [];
    let change = (answer: TpmAnswer): TpmAnswer => answer;
    TpmDevice.use(soft.device, (device) => {
      const tpm = new Tpm({
        send: (command) => {
          const answer = device.send(command);
          crossed.push(Buffer.from(command.parameters ?? []), answer.parameters.all);
          return change(answer);
        },
      });
      assert.ok(tpm.nameOf(PARENT));
      const [free, bound] = [tpm.seal(PARENT, secret, []), tpm.seal(PARENT, secret, [7])];
      assert.deepEqual(tpm.unseal(PARENT, free, []), secret);
      assert.deepEqual(tpm.unseal(PARENT, bound, [7]), secret);
      assert.ok(crossed.length > 10 && !Buffer.concat(crossed).includes(secret));
      for (const place of [3, 20]) {
        change = (answer) => {
          const bytes = Buffer.from(answer.parameters.all);
          if (bytes.length !== secret.length + 2) {
            return answer;
          }
          bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
          return { ...answer, parameters: new TpmReader(bytes) };
        };
        assert.throws(() => tpm.unseal(PARENT, free, []), {
          code: "WARD_TPM",
          message: /somebody answers in its place/,
        });
      }
    });
  });

  test("nobody on the way gives a key of its own, holds the counter, or says another number", () => {
    use((tpm) => tpm.makeCounter(PARENT, COUNTER));
    TpmDevice.use(soft.device, (device) => {
      let between: (command: TpmCommand) => TpmAnswer = (command) => device.send(command);
      const tpm = new Tpm({ send: (command) => between(command) });
      const stood = tpm.readCounter(PARENT, COUNTER) ?? assert.fail();
      const changed = (code: number, at: number) => (command: TpmCommand) => {
        const answer = device.send(command);
        if (command.code !== code) {
          return answer;
        }
        const bytes = Buffer.from(answer.parameters.all);
        bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
        return { ...answer, parameters: new TpmReader(bytes) };
      };
      const found = { code: "WARD_TPM", message: /somebody answers in its place/ };
      assert.ok(tpm.nameOf(PARENT));
      between = changed(0x153, 20);
      assert.throws(() => tpm.makeKey(PARENT), found);
      between = changed(0x14e, 9);
      assert.throws(() => tpm.readCounter(PARENT, COUNTER), found);
      const nothing = new TpmReader(Buffer.alloc(0));
      const holding = { handle: 0, parameters: nothing, sessions: nothing };
      between = (command) => (command.code === 0x134 ? holding : device.send(command));
      assert.throws(() => tpm.increment(PARENT, COUNTER), {
        code: "WARD_TPM",
        message: /its counter stands still/,
      });
      between = (command) => device.send(command);
      tpm.increment(PARENT, COUNTER);
      assert.equal(tpm.readCounter(PARENT, COUNTER), stood + 1n);
    });
    use((tpm) => tpm.removeCounter(COUNTER));
  });

  test("opens what is bound to a PCR only while that is as it was", () => {
    const sealed = use((tpm) => tpm.seal(PARENT, Buffer.from("secret"), [7, 23]));
    assert.equal(use((tpm) => tpm.unseal(PARENT, sealed, [7, 23])).toString(), "secret");
    const refused = { code: "WARD_TPM", message: /not started as it was/ };
    assert.throws(() => use((tpm) => tpm.unseal(PARENT, sealed, [7])), refused);
    extend(soft, 23);
    for (let tries = 0; tries < 5; tries += 1) {
      assert.throws(() => use((tpm) => tpm.unseal(PARENT, sealed, [7, 23])), refused);
    }
  });

  test("counts up only, also when the counter is made anew", () => {
    use((tpm) => {
      assert.equal(tpm.readCounter(PARENT, COUNTER), null);
      const first = tpm.makeCounter(PARENT, COUNTER);
      tpm.increment(PARENT, COUNTER);
      assert.equal(tpm.readCounter(PARENT, COUNTER), first + 1n);
      tpm.removeCounter(COUNTER);
      assert.ok(!tpm.hasIndex(COUNTER));
      assert.ok(tpm.makeCounter(PARENT, COUNTER) > first + 1n);
    });
  });

  test("a storage key that is removed is gone: what hung on it opens nowhere", () => {
    const handle = PARENT + 1;
    use((tpm) => tpm.makeParent(handle));
    const sealed = use((tpm) => tpm.seal(handle, Buffer.from("secret"), []));
    const name = use((tpm) => tpm.nameOf(handle));
    use((tpm) => tpm.removeParent(handle));
    assert.equal(
      use((tpm) => tpm.nameOf(handle)),
      null,
    );
    use((tpm) => tpm.makeParent(handle));
    assert.notEqual(
      use((tpm) => tpm.nameOf(handle)),
      name,
    );
    assert.throws(() => use((tpm) => tpm.unseal(handle, sealed, [])), /it is not of this TPM/);
  });

  test("one that is not there is said to be so", () => {
    assert.throws(() => TpmDevice.use(join(directory, "none"), () => 0), {
      code: "WARD_TPM_ABSENT",
      message: /none: ENOENT\. Is there a TPM/,
    });
  });
});

describe("a gateway with its keys in a TPM", { skip: noTls }, () => {
  let soft: SoftTpm;
  let est: EstSite;
  let wish: KeyWish;

  before(async () => {
    soft = await SoftTpm.start();
    est = await EstSite.open();
    wish = { provider: "tpm", device: soft.device, pcrs: [] };
  });

  after(async () => {
    await est.close();
    await soft.close();
  });

  async function claimFor(gateway: string, { authority, url: server }: EstSite): Promise<string> {
    const { token } = await makeClaim(authority.directory, gateway, 60_000);
    const { roots, settingsSignerPublic: settingsSigner } = authority;
    return JSON.stringify({ gateway, token, server, serversRoot: roots.servers, settingsSigner });
  }

  /** Enrols a gateway as its IT would. Returns the exit code, or the code of the error. */
  async function enrolled(gateway: string, data: string, at = est): Promise<number | string> {
    process.env["WARD_CLAIM"] = await claimFor(gateway, at);
    process.env["WARD_KEY_PROVIDER"] = "tpm";
    process.env["WARD_TPM_DEVICE"] = soft.device;
    try {
      return (await run(enroll, ["--data", data])).code;
    } finally {
      await soft.tidy();
      delete process.env["WARD_CLAIM"];
      delete process.env["WARD_KEY_PROVIDER"];
      delete process.env["WARD_TPM_DEVICE"];
    }
  }

  // Whatever a test has started has ended by then.
  afterEach(() => soft.tidy());

  test("is enrolled with a key born there; on another machine its directory is worth nothing; a new claim mends that", async () => {
    const data = join(directory, "gw-001");
    assert.equal(await enrolled("gw-001", data), 0);
    const place = join(data, "identity");
    const { certificateKey, signingKey, keys } = loadGatewayIdentity(place);
    assert.equal(certificateKey.holder, "tpm");
    assert.ok(!existsSync(join(place, "key-encryption.key")));
    const secret = signingKey.export({ type: "pkcs8", format: "der" }).subarray(-32);
    for (const name of readdirSync(place, { recursive: true, encoding: "utf8" })) {
      if (/\.(pem|json|cose)$/.test(name)) {
        const bytes = readFileSync(join(place, name));
        assert.ok(!bytes.includes(secret) && !bytes.includes("BEGIN PRIVATE KEY"), name);
      }
    }
    const counter = keys.counter?.read();
    await soft.restart();
    const again = loadGatewayIdentity(place);
    assert.equal(again.keys.counter?.read(), counter);
    await soft.replace();
    const said = { code: "WARD_IDENTITY", message: /another one, or was cleared.*a new claim/ };
    assert.throws(() => loadGatewayIdentity(place), said);
    assert.equal(await enrolled("gw-001", data), 0);
    const renewed = loadGatewayIdentity(place);
    assert.notEqual(renewed.certificateKey.pem, certificateKey.pem);
    await soft.remove();
    assert.throws(() => loadGatewayIdentity(place), /Cannot use the TPM at/);
    assert.equal(await enrolled("gw-001", data), "WARD_TPM_ABSENT", "it may come back");
    await soft.restart();
    assert.equal(loadGatewayIdentity(place).certificateKey.pem, renewed.certificateKey.pem);
  });

  test("takes keys in from files, and the file that opened them is gone", async () => {
    const data = join(directory, "gw-002");
    const place = join(data, "identity");
    const files = openKeys(place);
    const signing = files.createSigningKey(join(place, "signing.key.pem"));
    const tls = files.createTlsKey(join(place, "gateway.key.pem"));
    const local = files.createSecret(join(place, "vault.key"));
    assert.match(settleKeys(place, wish).join(), /The keys are in the TPM/);
    assert.deepEqual(settleKeys(place, wish), [], "once");
    assert.ok(!existsSync(join(place, "key-encryption.key")));
    const keys = openKeys(place);
    assert.equal(keys.kind, "tpm");
    assert.ok(keys.readSigningKey(join(place, "signing.key.pem")).equals(signing));
    assert.ok(keys.readSecret(join(place, "vault.key"))?.equals(local));
    const moved = keys.readTlsKey(join(place, "gateway.key.pem"));
    assert.ok(moved.holder === "file" && moved.publicKey.equals(tls.publicKey));
    assert.deepEqual(settleKeys(place, { ...wish, provider: "file" }), []);
    assert.equal(openKeys(place).kind, "tpm", "there is no way back");
  });

  test("opens its keys only on a machine that was started as before, when it is bound to that", () => {
    const place = join(directory, "gw-bound");
    settleKeys(place, { ...wish, pcrs: [7, 16] });
    const path = join(place, "signing.key.pem");
    const signing = openKeys(place).createSigningKey(path);
    assert.ok(openKeys(place).readSigningKey(path).equals(signing));
    extend(soft, 16);
    const said = {
      code: "WARD_TPM_PCR",
      message: /not started as it was.*\(PCR 7, 16\).*a new claim/,
    };
    assert.throws(() => openKeys(place).readSigningKey(path), said);
    assert.throws(() => settleKeys(place, wish), said);
    const old = openKeys(place);
    forgetLostTpm(place, wish);
    assert.ok(!existsSync(path), "with a new claim another one is made");
    assert.deepEqual(old.destroy(), old.beyondFiles, "it is gone already, and that is no trouble");
    assert.throws(() => old.counter?.read(), { code: "WARD_TPM_LOST" });
  });

  test("a key that waited for its certificate is forgotten with the TPM, and so is all else, whenever that is cut off", async () => {
    const place = join(directory, "gw-waits");
    settleKeys(place, wish);
    const keys = openKeys(place);
    const next = join(place, "next/gateway.key.pem");
    const tls = keys.createTlsKey(next);
    const local = join(place, "vault.key");
    keys.createSecret(local);
    await soft.replace();
    const old = join(directory, "gw-waits-old");
    cpSync(place, old, { recursive: true });
    forgetLostTpm(place, wish);
    assert.ok(!existsSync(next) && !existsSync(local) && !existsSync(join(place, "tpm.json")));
    settleKeys(place, wish);
    // Another gateway's, or of another TPM: to sign with it could not work.
    cpSync(join(old, "next"), join(place, "next"), { recursive: true });
    const { device, parent, ...rest } = readTpmPlace(place) ?? assert.fail();
    writeTpmPlace(place, { device, parent: parent + 1, ...rest });
    assert.throws(() => openKeys(place).readTlsKey(next), {
      code: "WARD_KEY",
      message: /not lie where/,
    });
    assert.match(tls.pem, /TSS2/);
  });

  test("a TPM that has trouble is no TPM that is lost: nothing is forgotten, whoever enrols", async () => {
    const place = join(directory, "gw-trouble");
    settleKeys(place, wish);
    await soft.tidy();
    const path = join(place, "signing.key.pem");
    const signing = openKeys(place).createSigningKey(path);
    // The three that Linux lets a program have are taken.
    const made = [1, 2, 3].map(() =>
      TpmDevice.use(soft.device, (opened) =>
        opened.send({
          code: 0x131,
          handles: [0x4000_0001],
          sessions: [0x4000_0009],
          parameters: Buffer.concat([
            sized(sized(), sized()),
            sized(storageTemplate()),
            sized(),
            u32(0),
          ]),
          handlesBack: 1,
        }),
      ),
    );
    for (const provider of ["tpm", "file"] as const) {
      assert.throws(() => forgetLostTpm(place, { ...wish, provider }), {
        code: "WARD_TPM",
        message: /too many objects/,
      });
    }
    for (const { handle } of made) {
      TpmDevice.use(soft.device, (opened) => opened.send({ code: 0x165, parameters: u32(handle) }));
    }
    assert.ok(openKeys(place).readSigningKey(path).equals(signing));
  });

  test("a damaged key is left where it is, so that who loads the identity can say which one", () => {
    const place = join(directory, "gw-damaged");
    const files = openKeys(place);
    const signing = files.createSigningKey(join(place, "signing.key.pem"));
    mkdirSync(join(place, "next"));
    writeFileSync(join(place, "next/gateway.key.pem"), "", { mode: 0o600 });
    writeFileSync(join(place, "vault.key"), "short", { mode: 0o600 });
    assert.match(settleKeys(place, wish).join(), /The keys are in the TPM/);
    assert.deepEqual(settleKeys(place, wish), []);
    const keys = openKeys(place);
    assert.ok(keys.readSigningKey(join(place, "signing.key.pem")).equals(signing));
    assert.throws(() => keys.readTlsKey(join(place, "next/gateway.key.pem")));
    assert.equal(readFileSync(join(place, "vault.key"), "utf8"), "short");
  });

  test("is wiped: the TPM has nothing of it any more, and an old copy of its card opens nothing", async () => {
    const data = join(directory, "gw-003");
    assert.equal(await enrolled("gw-003", data), 0);
    cpSync(data, join(directory, "copy"), { recursive: true });
    assert.ok(loadGatewayIdentity(join(directory, "copy", "identity")));
    const { code, stdout } = await run(wipe, ["--data", data, "--gateway", "gw-003", "--json"]);
    assert.equal(code, 0);
    assert.match(stdout, /tpm-key-810157\d\d.*tpm-counter-18157\d\d.*identity\/tpm\.json/);
    assert.throws(() => loadGatewayIdentity(join(directory, "copy", "identity")), {
      code: "WARD_IDENTITY",
    });
    assert.throws(() => openKeys(join(directory, "copy", "identity")).counter?.read(), {
      code: "WARD_TPM_LOST",
    });
  });

  test("what it remembers of bundles cannot be set back", () => {
    const place = join(directory, "gw-004");
    settleKeys(place, wish);
    const { counter } = openKeys(place);
    const pair = generateKeyPairSync("ed25519");
    const keys = { signing: pair.privateKey, verifying: pair.publicKey, counter };
    const mark = { channel: "icu", sha256: "0".repeat(64), rootVersion: 1, floor: 1 };
    assert.equal(readMark(place, keys), null, "the first time there is none");
    writeMark(place, { ...mark, version: 1 }, keys);
    cpSync(join(place, "mark.cose"), join(place, "old"));
    writeMark(place, { ...mark, version: 2 }, keys);
    assert.equal(readMark(place, keys)?.version, 2);
    cpSync(join(place, "mark.cose"), join(place, "new"));
    const setBack = { code: "WARD_BUNDLE_MARK", message: /the TPM has counted to/ };
    cpSync(join(place, "old"), join(place, "mark.cose"));
    assert.throws(() => readMark(place, keys), setBack);
    rmSync(join(place, "mark.cose"));
    assert.throws(() => readMark(place, keys), setBack);
    cpSync(join(place, "new"), join(place, "mark.cose"));
    assert.equal(readMark(place, keys)?.version, 2);
    // Written, and cut off before it was counted.
    assert.ok(counter !== null);
    writeMark(
      place,
      { ...mark, version: 3 },
      { ...keys, counter: { ...counter, read: () => counter.read(), increment: () => undefined } },
    );
    assert.equal(readMark(place, keys)?.version, 3);
    cpSync(join(place, "new"), join(place, "mark.cose"));
    assert.throws(() => readMark(place, keys), setBack);
  });

  test("connects, and renews its certificate again and again, without losing anything", async (t) => {
    // Of a life of an hour and a half an hour is over at once: it is due at every start.
    const house = await RenewalSite.open(1 / 48);
    t.after(() => house.close());
    settleKeys(house.path("identity"), wish);
    await soft.tidy();
    const keyFile = house.path("identity/gateway.key.pem");
    assert.match(readFileSync(keyFile, "utf8"), /WARDGATE SEALED KEY/);
    const imported = house.serial;
    await house.site.startBroker();
    const hub = await house.site.startHub();
    const first = await TestKeeper.start(t, house.site);
    let stored = await storeUntil(
      await first.link(),
      () => house.serial !== imported && !house.hasNext,
    );
    assert.match(readFileSync(keyFile, "utf8"), /TSS2 PRIVATE KEY/);
    await first.child.stop(10_000);
    await soft.tidy();
    // From a key in the TPM to the next one, over EST with the first.
    const born = house.serial;
    const second = await TestKeeper.start(t, house.site);
    stored += await storeUntil(await second.link(), () => house.serial !== born && !house.hasNext);
    await second.reports(({ connected, batches }) => connected && batches === 0);
    assert.equal(hub.counters().classes.vital.opened, 3 * stored);
    assert.equal(hub.counters().rejected, 0);
    const troubles = [...noticesOf(first), ...noticesOf(second)];
    assert.deepEqual(
      troubles.filter((notice) => /certificate|identity|est-|broker|clock/.test(notice)),
      [],
    );
    await second.child.stop(10_000);
    await soft.tidy();
    const check = start("check", "--data", house.site.site.gatewayDirectory, "--json");
    let said = "";
    for await (const part of check.stdout) {
      said += String(part);
    }
    assert.match(said, /"what":"broker","right":true/);
  });

  test("loses its TPM and nothing that it had sealed: it says so, and a new claim brings all to the hub", async (t) => {
    const house = await RenewalSite.open();
    t.after(() => house.close());
    settleKeys(house.path("identity"), wish);
    await soft.tidy();
    await house.site.startBroker();
    await house.site.stopBroker();
    const old = await TestKeeper.start(t, house.site);
    const flowhost = await old.link();
    for (let n = 0; n < 5; n += 1) {
      assert.equal((await flowhost.put(3)).t, "stored");
    }
    await old.child.stop(10_000);
    await soft.replace();
    const data = house.site.site.gatewayDirectory;
    const gone = start("run", "--data", data, "--no-editor");
    let said = "";
    gone.stderr.on("data", (bytes: Buffer) => {
      said += String(bytes);
    });
    const [code] = await once(gone, "close");
    assert.equal(code, 1);
    assert.match(
      said,
      /^wardgate run: Cannot open the keys: the TPM at .* was cleared.* a new claim/,
    );
    assert.equal(await enrolled(GATEWAY, data, house.est), 0);
    await house.site.startBroker();
    const hub = await house.site.startHub();
    const anew = await TestKeeper.start(t, house.site);
    const next = await anew.link();
    assert.equal((await next.put(3)).t, "stored");
    await anew.reports(({ connected, batches }) => connected && batches === 0);
    assert.equal(hub.counters().classes.vital.opened, 18);
    assert.equal(hub.counters().rejected, 0);
    await anew.child.stop(10_000);
  });
});
