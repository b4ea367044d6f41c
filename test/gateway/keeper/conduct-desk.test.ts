import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ConductJudge } from "../../../gateway/guard/conduct-judge.ts";
import { isConduct } from "../../../gateway/conduct-shape.ts";
import { type JournalEvent, isJournalEvent } from "../../../gateway/journal/event.ts";
import { ConductDesk } from "../../../gateway/keeper/conduct-desk.ts";
import type { NoticeText } from "../../../gateway/rooms.ts";
import { CountingBedside } from "../../fakes/conduct-kit.ts";

const JUDGE = { factor: 3, steadyS: 180, stormCount: 30, clockS: 60 };

/** A vault in memory. */
class MemoryVault {
  readonly documents = new Map<string, string>();

  async read(name: string): Promise<string | null> {
    return this.documents.get(name) ?? null;
  }

  async write(name: string, text: string): Promise<void> {
    this.documents.set(name, text);
  }
}

function identified(serial: string): object {
  return { now: { identity: serial.repeat(16) } };
}

describe("the keeper's eye on devices", () => {
  test("tells and writes down what changed, once, and remembers it over a restart", async () => {
    const vault = new MemoryVault();
    const [notices, journal]: [NoticeText[], JournalEvent[]] = [[], []];
    const open = (): Promise<ConductDesk> =>
      ConductDesk.open({
        judge: JUDGE,
        vault,
        notices: { of: (notice) => notices.push(notice) },
        book: { append: async (event) => void journal.push(event) },
        now: () => Date.now(),
      });
    const report = new CountingBedside(new ConductJudge(JUDGE, new Map()));
    let desk = await open();
    desk.take(report.report(identified("a")));
    await desk.close();
    desk = await open();
    desk.take(report.report(identified("b")));
    assert.deepEqual(
      notices.map(({ device, notice, text }) => [device, notice, text.slice(0, 37)]),
      [["bed-4/monitor", "device-identity-changed", "bed-4/monitor: another device answers"]],
    );
    assert.deepEqual(
      journal.map(({ kind, what }) => [kind, what]),
      [["device-conduct", { device: "bed-4/monitor", change: "device-identity-changed" }]],
    );
    assert.ok(journal.every(isJournalEvent));
    assert.deepEqual(desk.devicesAt("10.20.0.7"), ["bed-4/monitor"]);
    await desk.close();
    desk = await open();
    desk.take(report.report(identified("b")));
    await desk.close();
    assert.equal(notices.length, 1);
    assert.deepEqual([...vault.documents.keys()], ["conduct"]);
  });

  test("a report that is none is not taken", () => {
    const report = new CountingBedside(new ConductJudge(JUDGE, new Map())).report();
    assert.ok(isConduct(report));
    const [device] = report.devices;
    for (const wrong of [
      null,
      [],
      { ...report, boot: "x" },
      { ...report, steadyMs: -1 },
      { ...report, devices: Array.from({ length: 1001 }, () => device) },
      { ...report, devices: [{ ...device, device: "../x" }] },
      { ...report, devices: [{ ...device, frames: 0.5 }] },
      { ...report, devices: [{ ...device, identity: "serial 123" }] },
      { ...report, devices: [{ ...device, strangers: [256] }] },
      { ...report, devices: [{ ...device, strangers: [1, 2, 3, 4, 5, 6, 7, 8, 9] }] },
      { ...report, devices: [{ ...device, clockLeadMs: "soon" }] },
    ]) {
      assert.equal(isConduct(wrong), false);
    }
  });
});
