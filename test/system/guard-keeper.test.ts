import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { ConductJudge } from "../../gateway/guard/conduct-judge.ts";
import { GuardDoor } from "../../gateway/guard/guard-door.ts";
import { readSettings } from "../../gateway/settings.ts";
import { CountingBedside } from "../fakes/conduct-kit.ts";
import { TestKeeper, TestSite } from "../fakes/keeper-kit.ts";
import { strayRoom } from "../fakes/stray-room.ts";

const JUDGE = { factor: 3, steadyS: 180, stormCount: 30, clockS: 60 };

describe("the keeper's process", () => {
  let site: TestSite;
  let directory: string;
  before(async () => {
    site = await TestSite.make();
    directory = mkdtempSync(join(tmpdir(), "guard-"));
  });
  after(async () => {
    await site.remove();
    rmSync(directory, { recursive: true });
  });

  test("may talk to the guard, and judges what main passes on, with no more rights than it has", async (t) => {
    const socket = join(directory, "guard.sock");
    const brought = Promise.withResolvers<string>();
    const door = new GuardDoor(socket, {
      state: () => ({ t: "state", place: "idle", site: "", problem: "", tampered: 0 }),
      next: () => null,
      heard: () => undefined,
      settings: (offer) => brought.resolve(offer.site),
    });
    await door.open();
    t.after(() => door.close());
    const keeper = await TestKeeper.start(t, site, { guardSocket: socket });
    assert.ok((await brought.promise).length > 100);
    const report = new CountingBedside(new ConductJudge(JUDGE, new Map()));
    for (const serial of ["a", "b"]) {
      keeper.child.send({
        t: "conduct",
        conduct: report.report({ now: { identity: serial.repeat(16) } }),
      });
    }
    await keeper.until(() =>
      keeper.heard.some(
        (said) => said.t === "notice" && said.notice.notice === "device-identity-changed",
      ),
    );
  });

  test("calls whom the signed settings name and nobody else, whatever has got into it", async (t) => {
    const dataDirectory = site.site.gatewayDirectory;
    const config = { dataDirectory, settings: site.settings, tuning: readSettings({}, {}) };
    const { notice, place } = await strayRoom(t, "keeper", { dataDirectory, config });
    assert.ok(notice.text.includes(`was about to call ${place}, which`), notice.text);
  });
});
