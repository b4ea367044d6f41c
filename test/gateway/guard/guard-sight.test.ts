import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { GroupedChanges } from "../../../gateway/guard/grouped.ts";
import {
  readGuardLine,
  readKeeperLine,
  type NamedSighting,
} from "../../../gateway/guard/message.ts";
import { HostNames, nameServers } from "../../../gateway/guard/names.ts";
import { GuardNews } from "../../../gateway/guard/news.ts";
import { SightingNotices } from "../../../gateway/guard/sighting-notices.ts";
import { readTable } from "../../../gateway/guard/sightings.ts";

const HOUR_MS = 3_600_000;

/** A reach of a device for one port of a server. */
function sighting(port: number, changes: Partial<NamedSighting> = {}): NamedSighting {
  const [from, to] = ["10.20.0.7", "10.1.0.5"];
  return { side: "ward", from, to, protocol: "tcp", port, packets: 1, name: "", ...changes };
}

describe("what the kernel's table tells", () => {
  // As nft 1.0.6 printed it.
  const element = (values: readonly unknown[], packets: number, expires = 590): object => ({
    elem: { val: { concat: values }, expires, counter: { packets, bytes: 60 * packets } },
  });
  const set = (name: string, elem: readonly object[]): object => ({
    set: { family: "inet", name, table: "ward", flags: ["timeout"], elem },
  });
  const table = {
    nftables: [
      { metainfo: { version: "1.0.6" } },
      { rule: { chain: "forward", handle: 7, expr: [{ drop: null }] } },
      set("ward4", [element(["10.20.0.7", "10.1.0.5", "tcp", 443], 3)]),
      set("ward_other6", [element(["fd20::7", "fd01::5", "ipv6-icmp"], 1)]),
      set("own6", [element(["fd01::1", "fd01::5", "udp", 53], 2)]),
      set("seen4", [
        { elem: { val: { concat: ["10.20.0.7", "02:00:00:00:00:01"] }, expires: 100 } },
        { elem: { val: { concat: ["10.20.0.7", "02:00:00:00:00:02"] }, expires: 599 } },
        { elem: { val: { concat: ["10.20.0.8", "02:00:00:00:00:03"] }, expires: 5 } },
      ]),
      { set: { name: "read4", elem: [{ concat: ["10.20.0.7", "tcp", 502] }] } },
    ],
  };

  test("is who reached for what, and whose card is whose now", () => {
    const { sightings, neighbours } = readTable(table);
    assert.deepEqual(sightings, [
      { side: "ward", from: "10.20.0.7", to: "10.1.0.5", protocol: "tcp", port: 443, packets: 3 },
      {
        side: "ward",
        from: "fd20::7",
        to: "fd01::5",
        protocol: "ipv6-icmp",
        port: null,
        packets: 1,
      },
      { side: "own", from: "fd01::1", to: "fd01::5", protocol: "udp", port: 53, packets: 2 },
    ]);
    assert.deepEqual(neighbours, [
      { address: "10.20.0.7", hardware: "02:00:00:00:00:02" },
      { address: "10.20.0.8", hardware: "02:00:00:00:00:03" },
    ]);
  });

  test("changes with every rule and every place that may be reached, and not with what was seen", () => {
    const { rules } = readTable(table);
    const with_ = (from: string, to: string): string =>
      readTable(JSON.parse(JSON.stringify(table).replace(from, to))).rules;
    assert.notEqual(with_('"drop":null', '"accept":null'), rules);
    assert.notEqual(with_('"tcp",502', '"tcp",503'), rules);
    assert.equal(with_('"tcp",443', '"tcp",444'), rules);
    const two = (elem: readonly object[], names: readonly string[]): string => {
      const match = { match: { left: { meta: { key: "iifname" } }, right: { set: names } } };
      const rule = { rule: { chain: "forward", handle: 7, expr: [match] } };
      return readTable({ nftables: [rule, { set: { name: "read4", elem } }] }).rules;
    };
    const [a, b] = [{ concat: ["10.20.0.7", "tcp", 502] }, { concat: ["10.20.0.8", "tcp", 502] }];
    // The kernel keeps no order.
    assert.equal(two([a, b], ["eth1", "eth2"]), two([b, a], ["eth2", "eth1"]));
    assert.notEqual(two([a, b], ["eth1", "eth2"]), two([a, b], ["eth1", "eth3"]));
  });

  test("may be anything at all", () => {
    fc.assert(fc.property(fc.json(), (text) => void readTable(JSON.parse(text))));
    const name = fc.constantFrom("ward4", "own_other6", "seen4", "read4");
    fc.assert(
      fc.property(name, fc.array(fc.jsonValue()), (known, elem) => {
        const { sightings } = readTable({ nftables: [{ set: { name: known, elem } }] });
        assert.deepEqual(sightings, []);
      }),
    );
  });
});

describe("the news of the guard", () => {
  test("are told once, and again after an hour when it goes on", () => {
    const news = new GuardNews();
    const told = (sightings: readonly NamedSighting[], now: number): number => {
      news.look(sightings, now);
      const next = news.next();
      if (next === null) {
        return 0;
      }
      news.heard(next);
      return next.sightings.length;
    };
    assert.equal(told([sighting(22), sighting(23)], 0), 2);
    assert.equal(told([sighting(22, { packets: 9 }), sighting(23)], 1000), 0);
    assert.equal(told([sighting(22, { packets: 99 }), sighting(23)], HOUR_MS), 1);
  });

  test("wait until they were heard, bounded, and what finds no room is counted", () => {
    const news = new GuardNews();
    const scan = Array.from({ length: 4096 }, (_, port) => sighting(port));
    news.look(scan, 0);
    news.look(scan, 1000);
    let [heard, left] = [0, 0];
    assert.deepEqual(news.next(), news.next());
    for (let next = news.next(); next !== null; next = news.next()) {
      assert.ok(next.sightings.length <= 64);
      heard += next.sightings.length;
      left += next.left;
      news.heard(next);
    }
    assert.deepEqual([heard, left], [1000, 3096]);
  });
});

describe("notices of what was seen", () => {
  const devices = (host: string): string[] => (host === "10.20.0.7" ? ["bed-4/monitor"] : []);

  test("name device, destination and port, and what to do", () => {
    const notices = new SightingNotices(devices);
    const [told] = notices.notices(notices.fresh([sighting(443)], 0), 0, 0);
    assert.equal(told?.device, "bed-4/monitor");
    assert.equal(
      told.text,
      "bed-4/monitor (10.20.0.7) reached for 10.1.0.5, tcp port 443, which nobody has allowed: it was dropped. If that is right, have it added to the signed settings (network, allow); else look at the device.",
    );
    const unknown = sighting(53, { from: "10.20.0.99", protocol: "udp" });
    const own = sighting(25, { side: "own", from: "10.1.0.1" });
    const more = notices.notices(notices.fresh([unknown, own], 0), 0, 0);
    assert.match(
      more[0]?.text ?? "",
      /^An unlisted address \(10\.20\.0\.99\) reached for .*udp port 53/,
    );
    assert.match(more[1]?.text ?? "", /^This gateway's box reached for .*tcp port 25/);
  });

  test("are one for a device that tries many, and short", () => {
    const notices = new SightingNotices(devices);
    const scan = Array.from({ length: 64 }, (_, port) => sighting(port + 1));
    const told = notices.notices(notices.fresh(scan, 0), 500, 0);
    assert.match(told[0]?.text ?? "", /tcp port 1; .*tcp port 3 and 61 more, which nobody/);
    assert.match(told[1]?.text ?? "", /^500 more attempts/);
    assert.equal(told.length, 2);
    assert.ok(told.every(({ text }) => text.length <= 400));
  });

  test("say a fact once a day, and stay few whatever devices do", () => {
    const notices = new SightingNotices(devices);
    const facts = [sighting(1), sighting(2)];
    assert.equal(notices.fresh(facts, 0).length, 2);
    assert.equal(notices.fresh(facts, 23 * HOUR_MS).length, 0);
    assert.equal(notices.fresh(facts, 24 * HOUR_MS).length, 2);
    let told = 0;
    for (let round = 0; round < 600; round += 1) {
      const from = `10.20.${round >> 8}.${round & 255}`;
      told += notices.notices(notices.fresh([sighting(9, { from })], 0), 0, 1000 * round).length;
    }
    assert.ok(told >= 10 && told <= 20, String(told));
  });
});

describe("changes of devices", () => {
  const change = (
    device: string,
    notice = "device-rate-changed",
  ): {
    device: string;
    notice: string;
    text: string;
    since: number | null;
  } => ({
    device,
    notice,
    text: "answers 4 times as often as usual.",
    since: notice === "device-rate-changed" ? 0 : null,
  });

  test("are told apart when they are few, and together when they come together", () => {
    const grouped = new GroupedChanges();
    grouped.add([change("bed-1"), change("bed-2")], 0);
    assert.deepEqual(grouped.take(69_999), []);
    assert.deepEqual(
      grouped.take(70_000).map(({ text }) => text),
      ["bed-1: answers 4 times as often as usual.", "bed-2: answers 4 times as often as usual."],
    );
    const ward = Array.from({ length: 30 }, (_, bed) => change(`bed-${bed + 10}`));
    grouped.add(ward.slice(0, 15), 80_000);
    grouped.add(ward.slice(15), 130_000);
    assert.deepEqual(
      grouped.take(150_000).map(({ device, text }) => [device, text]),
      [
        [
          "",
          "30 devices at once (bed-10, bed-11, bed-12 and 27 more), the first of them: answers 4 times as often as usual. A common cause is likely.",
        ],
      ],
    );
  });

  test("do not wait when they happened at once", () => {
    const grouped = new GroupedChanges();
    grouped.add([change("bed-1"), change("bed-2", "new-unit")], 0);
    assert.deepEqual(
      grouped.take(0).map(({ device }) => device),
      ["bed-2"],
    );
    assert.deepEqual(
      grouped.take(70_000).map(({ device }) => device),
      ["bed-1"],
    );
  });

  test("are told of a device once an hour", () => {
    const grouped = new GroupedChanges();
    assert.equal(grouped.add([change("bed-1")], 0).length, 1);
    assert.equal(grouped.add([change("bed-1")], HOUR_MS - 1).length, 0);
    assert.equal(grouped.add([change("bed-1", "new-unit")], HOUR_MS - 1).length, 1);
    assert.equal(grouped.add([change("bed-1")], HOUR_MS).length, 1);
  });
});

describe("what guard and keeper say to each other", () => {
  test("is nothing but what it may be", () => {
    for (const line of ["", "{}", "[]", '{"t":"heard"}', '{"t":"rules","rules":"accept"}']) {
      assert.throws(() => readKeeperLine(line), { code: "WARD_GUARD_MESSAGE" });
    }
    const seen = { t: "seen", n: 1, left: 0, sightings: [sighting(443)] };
    assert.deepEqual(readGuardLine(JSON.stringify(seen)), seen);
    for (const wrong of [
      { from: "10.20.0.7; drop" },
      { to: "fe80::1%eth0" },
      { protocol: "TCP PORT" },
      { port: 70_000 },
      { name: "a\nb" },
      { side: "all" },
    ]) {
      const line = JSON.stringify({ ...seen, sightings: [{ ...sighting(443), ...wrong }] });
      assert.throws(() => readGuardLine(line), { code: "WARD_GUARD_MESSAGE" });
    }
    const many = Array.from({ length: 65 }, (_, port) => sighting(port));
    assert.throws(() => readGuardLine(JSON.stringify({ ...seen, sightings: many })));
    const either = fc.oneof(fc.json(), fc.string());
    fc.assert(
      fc.property(either, (line) => {
        for (const read of [readKeeperLine, readGuardLine]) {
          assert.throws(() => read(line), { code: "WARD_GUARD_MESSAGE" });
        }
      }),
    );
  });
});

test("names keep addresses that they had lately, and those they had when there is no answer", async () => {
  const answers = [["192.0.2.1"], ["192.0.2.2", "no address", "fe80::1%eth0"], null, ["192.0.2.3"]];
  const names = new HostNames(async () => answers.shift() ?? Promise.reject(new Error("away")));
  const ask = async (now: number): Promise<readonly string[]> => {
    await names.refresh(["lis.example", "10.1.0.5"], now);
    return names.of("lis.example");
  };
  assert.deepEqual(await ask(0), ["192.0.2.1"]);
  assert.deepEqual(await ask(1000), ["192.0.2.1", "192.0.2.2"]);
  assert.deepEqual(await ask(2 * HOUR_MS), ["192.0.2.1", "192.0.2.2"]);
  assert.deepEqual(await ask(3 * HOUR_MS), ["192.0.2.3"]);
  assert.deepEqual(names.of("10.1.0.5"), ["10.1.0.5"]);
  assert.equal(names.nameOf("192.0.2.3"), "lis.example");
  assert.equal(names.nameOf("192.0.2.1"), "");
});

test("name servers are those that the machine asks", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "names-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "resolv.conf");
  assert.deepEqual(nameServers(path), []);
  writeFileSync(
    path,
    "# x\nsearch ward.example\nnameserver 10.1.0.53\nnameserver fe80::1%eth0\nnameserver x\n",
  );
  assert.deepEqual(nameServers(path), [
    { protocol: "udp", host: "10.1.0.53", port: 53 },
    { protocol: "tcp", host: "10.1.0.53", port: 53 },
  ]);
});
