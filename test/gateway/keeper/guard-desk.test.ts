import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { GuardDoor, type Handful } from "../../../gateway/guard/guard-door.ts";
import type { GuardState, NamedSighting } from "../../../gateway/guard/message.ts";
import type { Neighbour } from "../../../gateway/guard/sightings.ts";
import type { JournalEvent } from "../../../gateway/journal/event.ts";
import { isJournalEvent } from "../../../gateway/journal/event.ts";
import { GuardDesk } from "../../../gateway/keeper/guard-desk.ts";
import type { NoticeText } from "../../../gateway/rooms.ts";
import { SettingsSigner } from "../../fakes/guard-kit.ts";

const SIGHTING: NamedSighting = {
  side: "ward",
  from: "10.20.0.7",
  to: "fd01::5",
  protocol: "tcp",
  port: 443,
  packets: 1,
  name: "",
};

let directory: string;
let waiting: Handful[];
let heard: number;
let offers: { signer: string; site: string }[];
let state: GuardState;
let notices: NoticeText[];
let journal: JournalEvent[];
let neighbours: readonly Neighbour[];
let door: GuardDoor;
let desk: GuardDesk | null;
let now = Date.UTC(2026, 10, 27);
/** What the disk does with an entry. */
let append: (event: JournalEvent) => Promise<void>;

const signer = new SettingsSigner();
const site = signer.sign(signer.settings());

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "guard-"));
  mkdirSync(join(directory, "identity"));
  writeFileSync(join(directory, "site.cose"), site);
  const pem = signer.publicKey.export({ type: "spki", format: "pem" });
  writeFileSync(join(directory, "identity/settings-signer.pub.pem"), pem);
  [waiting, heard, offers, notices, journal, neighbours] = [[], 0, [], [], [], []];
  state = { t: "state", place: "in-path", site: "", problem: "", tampered: 0 };
  append = async (event) => void journal.push(event);
  desk = null;
  door = new GuardDoor(join(directory, "guard.sock"), {
    state: () => state,
    next: () => waiting[0] ?? null,
    heard: () => {
      waiting.shift();
      heard += 1;
    },
    settings: (offer) => void offers.push(offer),
  });
  await door.open();
});

afterEach(() => {
  desk?.close();
  door.close();
  rmSync(directory, { recursive: true });
});

function open(): GuardDesk {
  desk = new GuardDesk({
    socket: join(directory, "guard.sock"),
    dataDirectory: directory,
    isNeeded: true,
    conduct: {
      devicesAt: () => ["bed-4/monitor"],
      neighbours: (known) => (neighbours = known),
    },
    notices: { of: (notice) => notices.push(notice) },
    book: { append: (event) => append(event) },
    now: () => now,
    steady: () => now,
  });
  return desk;
}

async function until(is: () => boolean): Promise<void> {
  while (!is()) {
    await sleep(5);
  }
}

describe("the keeper at the guard's door", () => {
  test("brings the signed settings as they are, and has what was seen written down and told", async () => {
    waiting.push({ sightings: [SIGHTING], left: 0 });
    open();
    await until(() => heard === 1);
    assert.deepEqual(
      offers.map(({ signer: key, site: text }) => [key, text]),
      [[signer.signer, site.toString("base64")]],
    );
    assert.deepEqual(journal, [
      {
        kind: "unknown-destination",
        who: "gateway",
        outcome: "refused",
        what: { side: "ward", from: "ip:10.20.0.7", to: "tcp:[fd01::5]:443" },
      },
    ]);
    assert.ok(journal.every(isJournalEvent));
    assert.match(
      notices[0]?.text ?? "",
      /^bed-4\/monitor \(10\.20\.0\.7\) reached for fd01::5, tcp port 443/,
    );
    door.hand([{ address: "10.20.0.7", hardware: "02:00:00:00:00:01" }]);
    await until(() => neighbours.length === 1);
  });

  test("a keeper that ends before it has written something down is no loss: the next one hears it", async () => {
    waiting.push({ sightings: [SIGHTING], left: 0 });
    const never = Promise.withResolvers<never>();
    let asked = false;
    append = () => {
      asked = true;
      return never.promise;
    };
    open();
    await until(() => asked);
    desk?.close();
    assert.equal(heard, 0);
    append = async (event) => void journal.push(event);
    open();
    await until(() => heard === 1);
    assert.equal(journal.length, 1);
  });

  test("a full disk keeps nobody from being told", async () => {
    append = () => Promise.reject(new Error("no space"));
    waiting.push({ sightings: [SIGHTING], left: 7 });
    open();
    await until(() => heard === 1);
    assert.equal(notices.length, 2);
  });

  test("tells trouble once, changed rules now and then, and writes down which rules are in force", async () => {
    open();
    await until(() => offers.length === 1);
    const { createHash } = await import("node:crypto");
    const sha256 = createHash("sha256").update(site).digest("hex");
    for (const next of [
      { ...state, problem: "Cannot set the rules." },
      { ...state, problem: "Cannot set the rules." },
      { ...state, site: "00".repeat(32) },
      { ...state, site: sha256 },
      { ...state, site: sha256, tampered: 1 },
      { ...state, site: sha256, tampered: 3 },
    ]) {
      door.tell(next);
    }
    await until(() => notices.length >= 2 && journal.length >= 3);
    now += 600_000;
    door.tell({ ...state, site: sha256, tampered: 5 });
    await until(() => notices.length >= 3);
    assert.deepEqual(
      notices.map(({ notice }) => notice),
      ["guard-trouble", "guard-tampered", "guard-tampered"],
      "who changes them without end is told now and then",
    );
    assert.match(notices[2]?.text ?? "", / 4 times /);
    assert.deepEqual(
      journal.map(({ kind, what }) => [kind, what]),
      [
        ["guard-rules", { site: sha256, place: "in-path" }],
        ["guard-tampered", {}],
        ["guard-tampered", {}],
        ["guard-tampered", {}],
      ],
    );
    assert.ok(journal.every(isJournalEvent));
  });

  test("a guard that is away for a minute is told once, and that it is back", async () => {
    door.close();
    open();
    now += 61_000;
    await until(() => notices.length > 0);
    await door.open();
    await until(() => offers.length > 0);
    door.tell(state);
    await until(() => notices.length > 1);
    assert.deepEqual(
      notices.map(({ notice }) => notice),
      ["guard-away", "guard-back"],
    );
  });

  test("a guard that has stopped in the middle of its work is away as well", async () => {
    open();
    await until(() => offers.length === 1);
    door.tell(state);
    waiting.push({ sightings: [SIGHTING], left: 0 });
    door.hand([]);
    await until(() => heard === 1);
    now += 61_000;
    await until(() => notices.some(({ notice }) => notice === "guard-away"));
    door.tell(state);
    await until(() => notices.some(({ notice }) => notice === "guard-back"));
  });

  test("settings that the guard could not take are brought again", async () => {
    open();
    await until(() => offers.length === 1);
    door.tell({ ...state, problem: "No space is left on the disk." });
    await until(() => notices.length === 1);
    now += 600_000;
    await until(() => offers.length === 2);
  });

  test("settings that cannot be read are told once, however often the guard is called", async (t) => {
    rmSync(join(directory, "site.cose"));
    door.close();
    let calls = 0;
    const guard = createServer(() => (calls += 1)).listen(join(directory, "guard.sock"));
    t.after(() => guard.close());
    await once(guard, "listening");
    open();
    await until(() => calls === 3);
    assert.deepEqual(
      notices.map(({ notice }) => notice),
      ["guard-trouble"],
    );
  });

  test("one who says something else, or does not end a line, is put out, and nobody else with him", async () => {
    open();
    await until(() => offers.length === 1);
    for (const words of ['{"t":"rules","rules":"accept"}\n', "x\n", "[]\n"]) {
      const stranger = connect(join(directory, "guard.sock"));
      stranger.on("error", () => undefined);
      stranger.resume();
      stranger.write(words);
      await once(stranger, "close");
    }
    waiting.push({ sightings: [SIGHTING], left: 0 });
    door.hand([]);
    await until(() => heard === 1);
  });
});
