import assert from "node:assert/strict";
import { before, describe, test, type TestContext } from "node:test";

import { EmbeddedBroker } from "../../../hub/broker.ts";
import { SETTINGS } from "../../../gateway/settings.ts";
import { FaultProxy } from "../../fakes/fault-proxy.ts";
import { makeRudeBroker, type RudeBroker } from "../../fakes/rude-broker.ts";
import { ScriptedBroker } from "../../fakes/scripted-broker.ts";
import { WayToBroker, type WayOptions } from "../../fakes/way-kit.ts";
import { makeTestPki, type TestPki } from "../../provisioning/pki.ts";

let pki: TestPki;

before(async () => {
  pki = await makeTestPki();
});

async function open(t: TestContext, rude: RudeBroker): Promise<number> {
  const broker = await ScriptedBroker.open(pki.broker, pki.gateways.certificate, rude.script);
  t.after(() => broker.close());
  return broker.port;
}

/** A broker that is polite from the start, and a way to it. */
async function polite(
  t: TestContext,
  options: Partial<WayOptions> = {},
): Promise<{ rude: RudeBroker; proxy: FaultProxy; way: WayToBroker }> {
  const rude = makeRudeBroker(1, () => undefined);
  rude.calm();
  const proxy = await FaultProxy.open(await open(t, rude));
  t.after(() => proxy.close());
  const way = await WayToBroker.start(t, {
    port: proxy.port,
    pki,
    deleteOn: "broker",
    ...options,
  });
  await way.until(() => way.ups === 1);
  return { rude, proxy, way };
}

/** More with WARD_SEEDS, one after another from WARD_SEED on. */
const FIRST_SEED = Number(process.env["WARD_SEED"] ?? 1);
const SEEDS = Number(process.env["WARD_SEEDS"] ?? 4);
const RECORDS = 40;

describe("a broker that does anything", { concurrency: true }, () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
    test(`gets every record, and none is deleted that it did not take (seed ${seed})`, async (t) => {
      const isBrokerMode = seed % 2 === 0;
      const later: { way: WayToBroker | null } = { way: null };
      const rude = makeRudeBroker(seed, (record) => {
        const [name, sequence] = record.split(" ");
        if (!isBrokerMode && name === "vital") {
          setImmediate(() => void later.way?.receipt(name, Number(sequence)));
        }
      });
      const way = await WayToBroker.start(t, {
        port: await open(t, rude),
        pki,
        deleteOn: isBrokerMode ? "broker" : "hub",
        keepaliveS: 1,
        connectMs: 300,
        pubackMs: 200,
        receiptWaitMs: 300,
      });
      later.way = way;
      const names = new Set<string>();
      const check = (): void => {
        const left = new Set(way.left());
        for (const name of names) {
          assert.ok(left.has(name) || rude.taken.has(name), `${name} is gone and was not taken`);
        }
      };
      for (let put = 0; put < RECORDS; put += 1) {
        await way.put("vital", `body ${put}`);
        names.add(`vital ${put + 1}`);
        check();
      }
      // What it has done so far it has done; what it does to the last ones is up to it for a while.
      await way.until(() => {
        check();
        return way.left().length < RECORDS / 4;
      });
      rude.calm();
      await way.until(() => {
        check();
        return way.left().length === 0;
      });
      assert.equal(rude.taken.size, RECORDS);
      assert.ok(rude.acts.size >= 8, "it was rude enough");
    });
  }
});

describe("a link that is half-open", () => {
  test("is found by the keep-alive when nothing is sent", async (t) => {
    const { way, proxy, rude } = await polite(t, { keepaliveS: 1, connectMs: 300 });
    proxy.silence();
    await way.until(() => way.downs.length > 0);
    assert.match(way.downs[0]?.message ?? "", /[Kk]eep-?alive/);
    proxy.restore();
    await way.put("vital", "a");
    await way.until(() => way.left().length === 0);
    assert.deepEqual([...rude.taken], ["vital 1"]);
  });

  test("is found by the missing acknowledgement when something is sent, and nothing is lost", async (t) => {
    const { way, proxy, rude } = await polite(t, { pubackMs: 200, connectMs: 300 });
    await way.put("vital", "a");
    await way.until(() => way.left().length === 0);
    proxy.silence();
    await way.put("vital", "b", "c");
    await way.until(() => way.downs.length > 0);
    assert.match(way.downs[0]?.message ?? "", /acknowledged nothing for 200 ms/);
    assert.deepEqual(way.left(), ["vital 2", "vital 3"]);
    proxy.restore();
    await way.until(() => way.left().length === 0);
    assert.deepEqual([...rude.taken], ["vital 1", "vital 2", "vital 3"]);
  });

  test("is found within 30 seconds, whatever the settings", () => {
    assert.ok(SETTINGS.keepaliveS.maximum * 1.5 <= 30);
    assert.ok(SETTINGS.pubackMs.default <= 30_000);
  });
});

describe("a link that is bad", () => {
  test("loses nothing to latency, a narrow line, resets in the middle of packets, and refusals", async (t) => {
    const { way, proxy, rude } = await polite(t);
    proxy.shape("up", { latencyMs: 5, jitterMs: 5, bytesPerSecond: 400_000 });
    proxy.shape("down", { latencyMs: 5, jitterMs: 5, resetAfterBytes: 5000 });
    const body = "x".repeat(3000);
    for (let put = 0; put < 40; put += 1) {
      await way.put("wave", body);
      if (put % 10 === 9) {
        proxy.reset();
      }
    }
    proxy.refuse();
    proxy.cut();
    await way.until(() => way.downs.length > 3);
    proxy.restore();
    await way.until(() => way.left().length === 0);
    assert.equal(rude.taken.size, 40);
  });
});

describe("replacing the connection", () => {
  test("again and again, under load, loses nothing and leaves no gap", async (t) => {
    const { way, rude, proxy } = await polite(t, { connectionMaxMs: 40 });
    let put = 0;
    while (way.ups < 8) {
      await way.put("vital", `body ${put}`);
      put += 1;
    }
    await way.until(() => way.left().length === 0);
    assert.deepEqual(way.downs, [], "there was always a connection");
    assert.equal(rude.taken.size, put);
    assert.ok(proxy.open <= 2, "old connections are closed");
  });
});

describe("the embedded broker, which speaks MQTT 3.1.1", () => {
  test("takes what nobody has subscribed to: its word deletes nothing, in broker mode either", async (t) => {
    const identity = pki.brokerIdentity;
    const broker = await EmbeddedBroker.open({ identity, gatewayPort: 0, hubPort: 0 });
    t.after(() => broker.close());
    const way = await WayToBroker.start(t, {
      port: broker.gatewayPort,
      pki,
      deleteOn: "broker",
      receiptWaitMs: 50,
    });
    await way.put("vital", "a", "b");
    await way.until(() => way.forwarded >= 2);
    assert.deepEqual(way.trouble, ["WARD_BROKER_DEAF"]);
    assert.deepEqual(way.left(), ["vital 1", "vital 2"]);
    await way.receipt("vital", 2);
    await way.receipt("vital", 1);
    assert.deepEqual(way.left(), []);
  });
});
