import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { mayPublish, maySubscribe, TOPIC_BYTES_MAX, type Peer } from "../../hub/broker-access.ts";

const GATEWAY: Peer = { role: "gateway", name: "gw-001" };
const HUB: Peer = { role: "hub", name: "hub-1" };

test("a gateway publishes what is its own", () => {
  for (const branch of ["up/live/vital", "up/backlog/wave", "up/epoch", "state", "journal"]) {
    assert.equal(mayPublish(GATEWAY, `ward/v1/gw-001/${branch}`, false), true, branch);
    assert.equal(mayPublish(GATEWAY, `ward/v1/gw-002/${branch}`, false), false, branch);
    assert.equal(mayPublish(HUB, `ward/v1/gw-001/${branch}`, false), false, branch);
  }
  assert.equal(mayPublish(GATEWAY, "ward/v1/gw-001/down/receipt", false), false);
  assert.equal(mayPublish(HUB, "ward/v1/gw-001/down/receipt", false), true);
});

test("only a gateway's state and journal are retained", () => {
  assert.equal(mayPublish(GATEWAY, "ward/v1/gw-001/state", true), true);
  assert.equal(mayPublish(GATEWAY, "ward/v1/gw-001/up/live/vital", true), false);
  assert.equal(mayPublish(GATEWAY, "ward/v1/gw-001/journal", true), true);
  assert.equal(mayPublish(GATEWAY, "ward/v1/gw-001/journal/more", true), false);
  assert.equal(mayPublish(HUB, "ward/v1/gw-001/down/receipt", true), false);
});

test("each hears what is meant for it", () => {
  for (const filter of ["down/#", "down/receipt", "down/+"]) {
    assert.equal(maySubscribe(GATEWAY, `ward/v1/gw-001/${filter}`), true);
    assert.equal(maySubscribe(GATEWAY, `ward/v1/gw-002/${filter}`), false);
    assert.equal(maySubscribe(GATEWAY, `ward/v1/+/${filter}`), false);
    assert.equal(maySubscribe(HUB, `ward/v1/gw-001/${filter}`), false);
  }
  for (const filter of ["+/up/#", "+/state", "+/journal", "gw-001/up/live/+", "gw-001/state"]) {
    assert.equal(maySubscribe(HUB, `ward/v1/${filter}`), true);
    assert.equal(maySubscribe(GATEWAY, `ward/v1/${filter}`), false);
  }
  for (const filter of [
    "#",
    "ward/#",
    "+/v1/+/up/#",
    "ward/v1/+/#",
    "$SYS/#",
    "$share/a/ward/v1/+/up/#",
  ]) {
    assert.equal(maySubscribe(HUB, filter), false, filter);
    assert.equal(maySubscribe(GATEWAY, filter), false, filter);
  }
});

const level = fc.oneof(
  fc.constantFrom("ward", "v1", "gw-001", "gw-002", "up", "down", "state", "journal", "+", "#", ""),
  fc.string({ maxLength: 5 }),
);
const topics = fc.array(level, { maxLength: 7 }).map((levels) => levels.join("/"));

test("whatever is asked, a gateway never leaves its own branch", () => {
  fc.assert(
    fc.property(topics, fc.boolean(), (topic, retain) => {
      if (mayPublish(GATEWAY, topic, retain)) {
        assert.match(topic, /^ward\/v1\/gw-001\/(up\/.*|state|journal)$/s);
        assert.doesNotMatch(topic, /[+#]/);
      }
      if (maySubscribe(GATEWAY, topic)) {
        assert.ok(topic.startsWith("ward/v1/gw-001/down/"));
      }
      if (mayPublish(HUB, topic, retain)) {
        assert.match(topic, /^ward\/v1\/[a-z0-9-]{3,64}\/down\/[^+#]*$/);
      }
      if (maySubscribe(HUB, topic)) {
        assert.match(topic, /^ward\/v1\/(\+|[a-z0-9-]{3,64})\/(up\/.*|state|journal)$/s);
      }
    }),
    { numRuns: 2000 },
  );
});

test("topics are bounded", () => {
  const start = "ward/v1/gw-001/up/";
  const fits = start + "x".repeat(TOPIC_BYTES_MAX - start.length);
  assert.equal(mayPublish(GATEWAY, fits, false), true);
  assert.equal(mayPublish(GATEWAY, `${fits}x`, false), false);
});
