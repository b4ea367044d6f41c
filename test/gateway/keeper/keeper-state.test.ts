import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { flowHash } from "../../../gateway/bundles/canonical-json.ts";
import { GATEWAY_FILES, HUB_FILES } from "../../../gateway/identity/site-files.ts";
import { openMqtt, type MqttConnection } from "../../../gateway/mqtt/mqtt.ts";
import { readSign1, verifySign1 } from "../../../gateway/sealing/cose.ts";
import { STATE_CONTEXT } from "../../../gateway/uplink/state-record.ts";
import { GATEWAY, TestKeeper, TestSite } from "../../fakes/keeper-kit.ts";

let site: TestSite;
let listener: MqttConnection;
const states: Uint8Array[] = [];
let told = Promise.withResolvers<void>();

before(async () => {
  site = await TestSite.make();
  await site.startBroker();
  await site.sign(true);
  listener = await dialAsHub();
  listener.onMessage((_topic, payload) => {
    states.push(payload);
    told.resolve();
  });
  await listener.subscribe([`ward/v1/${GATEWAY}/state`]);
});

after(async () => {
  await listener.close();
  await site.remove();
});

test("the retained state names the flow that runs, and changes with it", async (t) => {
  const keeper = await TestKeeper.start(t, site);
  await stateWith((state) => state["online"] === true && state["flowHash"] === null);
  const flowhost = await keeper.link();
  await flowhost.load("flows");
  const signed = flowHash(site.settings.flows);
  await stateWith((state) => state["online"] === true && state["flowHash"] === signed);
  const deployed = [
    { id: "b", type: "tab" },
    { type: "comment", id: "a" },
  ];
  await flowhost.save("flows", JSON.stringify(deployed));
  const hash = flowHash(deployed.toReversed());
  const last = await stateWith((state) => state["flowHash"] === hash);
  const identity = join(site.site.gatewayDirectory, GATEWAY_FILES.signingKey);
  const key = createPublicKey(await readFile(identity));
  assert.ok(verifySign1(readSign1(last), key, STATE_CONTEXT));
  await flowhost.save("flows", "no JSON");
  await stateWith((state) => state["flowHash"] === null && state["batches"] === 0);
  await keeper.child.stop(5000);
  await stateWith((state) => state["online"] === false);
});

/** Waits for such a state, newer than those that were waited for before. */
async function stateWith(
  isSuch: (state: Readonly<Record<string, unknown>>) => boolean,
): Promise<Uint8Array> {
  for (;;) {
    const payload = states.shift();
    if (payload === undefined) {
      told = Promise.withResolvers();
      await told.promise;
    } else if (isSuch(JSON.parse(Buffer.from(readSign1(payload).payload).toString()))) {
      return payload;
    }
  }
}

async function dialAsHub(): Promise<MqttConnection> {
  const read = (file: string): Promise<string> =>
    readFile(join(site.site.hubDirectory, file), "utf8");
  const connection = openMqtt({
    url: `mqtts://127.0.0.1:${site.hubPort}`,
    serverName: "localhost",
    clientId: "hub-1",
    ca: await read(HUB_FILES.serversRoot),
    cert: await read(HUB_FILES.certificate),
    key: await read(HUB_FILES.key),
    keepaliveS: 15,
  });
  await connection.connect();
  return connection;
}
