import { createPrivateKey, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { connect, type IClientOptions } from "mqtt";

import { errorText } from "../../../gateway/errors.ts";
import { GATEWAY_FILES } from "../../../gateway/identity/site-files.ts";
import { numberAt, textAt } from "../../../gateway/json-value.ts";
import { asBuffer } from "../../../gateway/mqtt/mqtt-options.ts";
import { stockReadings } from "../house/stock-readings.ts";
import { onCommand, tell } from "../program.ts";
import { openStores, STORE_KINDS } from "./durable-stores.ts";
import { noticeMessage, readingMessage, topicOf } from "./peer-messages.ts";
import { READINGS_PER_BATCH, RealBatches } from "./real-batches.ts";

/**
 * Publishes with mqtt.js and QoS 1, as engineers wire it: straight to the site's broker with TLS and a certificate, or without both to
 * a broker on the same machine that keeps and passes on. A program of its own:
 *
 *     node peers/publisher.ts JSON
 *
 * The JSON has `port`, `gateway`, `gatewayDirectory`, and where they are wanted `serverName` (TLS), `store` and `storeDirectory` (what
 * mqtt.js keeps on disk), `payload` ("sealed": records of 1000 readings; "bytes": as many bytes as `bytes` says). It says
 * `{"kind":"ready"}` when connected, takes `{"window":N}` (as fast as N messages without acknowledgement allow),
 * `{"burst":N,"perSecond":R}` and `{"noticesPerSecond":R}`, and answers `{"count":n}`.
 */
const wish: unknown = JSON.parse(process.argv[2] ?? "{}");
const gateway = textAt(wish, "gateway");
const directory = textAt(wish, "gatewayDirectory");
const payload = textAt(wish, "payload");
const TICK_MS = 10;

const payloadOf = payloads();
const vitalTopic = topicOf(gateway, "vital");
const noticeTopic = topicOf(gateway, "notice");
const perMessage = payload === "sealed" ? READINGS_PER_BATCH : 1;
/** Messages with readings: made, safe with the sender (on its disk, or acknowledged), acknowledged. */
const counts = { emitted: 0, kept: 0, acknowledged: 0, notices: 0 };
let window = 0;
let burst = 0;
let perSecond = 0;
let noticesPerSecond = 0;

const storeKind = STORE_KINDS.find((kind) => kind === textAt(wish, "store")) ?? null;
const stores =
  storeKind === null ? null : await openStores(storeKind, textAt(wish, "storeDirectory"));
const client = connect({
  ...address(),
  clientId: gateway,
  // What is not acknowledged is for the next connection, too.
  clean: false,
  protocolVersion: 4,
  ...stores,
});
client.on("error", (error) => process.stderr.write(`${errorText(error)}\n`));
await new Promise<void>((resolve) => {
  client.once("connect", () => resolve());
});

onCommand((command) => {
  if (typeof command["window"] === "number") {
    window = command["window"];
    refill();
  }
  if (typeof command["burst"] === "number") {
    burst += command["burst"];
    perSecond = numberAt(command, "perSecond");
  }
  if (typeof command["noticesPerSecond"] === "number") {
    noticesPerSecond = command["noticesPerSecond"];
  }
  if (typeof command["count"] === "number") {
    const { emitted, kept, acknowledged, notices } = counts;
    const of = (messages: number): number => messages * perMessage;
    tell({
      kind: "count",
      n: command["count"],
      emitted: of(emitted),
      kept: of(kept),
      acknowledged: of(acknowledged),
      notices,
    });
  }
});
const vitalClock = makeTicker();
const noticeClock = makeTicker();
setInterval(() => {
  for (let due = vitalClock(perSecond); burst > 0 && due > 0; due -= 1) {
    burst -= 1;
    emit();
  }
  for (let due = noticeClock(noticesPerSecond); due > 0; due -= 1) {
    client.publish(noticeTopic, noticeMessage(counts.notices), { qos: 1 });
    counts.notices += 1;
  }
}, TICK_MS);
tell({ kind: "ready" });

function refill(): void {
  while (counts.emitted - counts.acknowledged < window) {
    emit();
  }
}

function emit(): void {
  const number = counts.emitted;
  counts.emitted += 1;
  client.publish(vitalTopic, payloadOf(number), { qos: 1, ...keptBy() }, (error) => {
    // With an error it was not delivered, and nobody tries again: it then lacks at the receiver.
    counts.acknowledged += error ? 0 : 1;
    counts.kept += stores === null && !error ? 1 : 0;
    refill();
  });
}

/** What the message of a number carries. */
function payloads(): (number: number) => Buffer {
  if (payload === "bytes") {
    const bytes = randomBytes(numberAt(wish, "bytes"));
    return () => bytes;
  }
  if (payload === "sealed") {
    const signingKey = createPrivateKey(readFileSync(join(directory, GATEWAY_FILES.signingKey)));
    const batches = new RealBatches({ gateway, signingKey });
    return () => asBuffer(batches.next());
  }
  const readings = stockReadings();
  return (number) => readingMessage(number, readings[number % readings.length]!);
}

/** mqtt.js says when a message is in its store; without a store it is safe when it is acknowledged. */
function keptBy(): { readonly cbStorePut?: () => void } {
  return stores === null ? {} : { cbStorePut: () => void (counts.kept += 1) };
}

/** How many are due since the last call at so many a second. */
function makeTicker(): (perSecond: number) => number {
  let lastAt = performance.now();
  let due = 0;
  return (rate) => {
    const now = performance.now();
    due = (due % 1) + ((now - lastAt) * rate) / 1000;
    lastAt = now;
    return Math.floor(due);
  };
}

function address(): IClientOptions {
  const serverName = textAt(wish, "serverName");
  const place = { host: "127.0.0.1", port: numberAt(wish, "port") };
  if (serverName === "") {
    return { ...place, protocol: "mqtt" };
  }
  const read = (file: string): string => readFileSync(join(directory, file), "utf8");
  return {
    ...place,
    protocol: "mqtts",
    servername: serverName,
    ca: read(GATEWAY_FILES.serversRoot),
    cert: read(GATEWAY_FILES.certificate),
    key: read(GATEWAY_FILES.key),
  };
}
