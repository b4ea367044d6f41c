import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Ballast } from "../../../gateway/outbox/ballast.ts";
import { Budget } from "../../../gateway/outbox/budget.ts";
import { freeBytesOf } from "../../../gateway/outbox/caretaker.ts";
import { Forecast } from "../../../gateway/outbox/forecast.ts";

const MIB = 2 ** 20;

test("with space to spare the settings set the limit", () => {
  const { budget } = makeBudget(1000 * MIB);
  assert.equal(budget.limit, 500 * MIB);
  budget.look(0, 0);
  assert.deepEqual([budget.limit, budget.isShort, budget.free], [500 * MIB, false, 1000 * MIB]);
});

test("the outbox leaves the disk its reserve, and counts what it has deleted but not given back as its own", () => {
  const { budget } = makeBudget(150 * MIB);
  budget.look(30 * MIB, 0);
  assert.equal(budget.limit, 80 * MIB, "50 MiB more than it holds");
  budget.look(20 * MIB, 10 * MIB);
  assert.equal(budget.limit, 80 * MIB);
});

test("on a short disk the limit stands still, however long that lasts, and rises when there is space again", () => {
  const { budget, disk } = makeBudget(90 * MIB);
  budget.look(40 * MIB, 0);
  assert.deepEqual([budget.limit, budget.isShort], [40 * MIB, true]);
  for (const held of [38 * MIB, 39 * MIB, 37 * MIB]) {
    budget.look(held, 0);
    assert.equal(budget.limit, 40 * MIB, "what made room for new records is not lost twice");
  }
  disk.free = 200 * MIB;
  budget.look(40 * MIB, 0);
  assert.deepEqual([budget.limit, budget.isShort], [140 * MIB, false]);
});

test("a disk that others have filled leaves the outbox a little; the last few MiB leave it nothing to grow", () => {
  const { budget, disk } = makeBudget(50 * MIB);
  budget.look(0, 0);
  assert.equal(budget.limit, 16 * MIB);
  disk.free = 7 * MIB;
  budget.look(3 * MIB, MIB);
  assert.equal(budget.limit, 4 * MIB);
});

test("a disk that says nothing leaves the settings their limit", () => {
  const { budget, disk } = makeBudget(0);
  budget.look(0, 0);
  disk.free = null;
  budget.look(0, 0);
  assert.deepEqual([budget.limit, budget.isShort], [500 * MIB, false]);
  assert.equal(freeBytesOf("/nowhere/at/all"), null);
  assert.ok(Number(freeBytesOf(tmpdir())) > 0);
});

test("ballast is made while there is room, is gone at once when it has to be, and comes back", (t) => {
  const path = ballastPath(t);
  const ballast = new Ballast(path, 2 * MIB + 5);
  const { budget, disk } = makeBudget(150 * MIB, ballast);
  for (const size of [MIB, 2 * MIB, 2 * MIB + 5, 2 * MIB + 5]) {
    budget.look(0, 0);
    assert.deepEqual([ballast.size, statSync(path).size], [size, size]);
  }
  ballast.release();
  assert.equal(existsSync(path), false);
  assert.equal(ballast.isSpent, true);
  disk.free = 10 * MIB;
  budget.look(0, 0);
  assert.ok(budget.lackingBytes > 0 && ballast.size === 0, "the disk lacks what it gave back");
  disk.free = 12 * MIB;
  budget.look(0, 0);
  assert.equal(budget.lackingBytes, 0);
  assert.equal(ballast.size, MIB);
  budget.look(0, 0);
  budget.look(0, 0);
  assert.deepEqual([ballast.isSpent, ballast.missing], [false, 0]);
});

test("ballast goes before a store is opened on a full disk, and cannot fail", (t) => {
  const path = ballastPath(t);
  const ballast = new Ballast(path, 100);
  ballast.grow();
  ballast.releaseIfNeeded(null);
  ballast.releaseIfNeeded(100 * MIB);
  assert.equal(ballast.size, 100);
  ballast.releaseIfNeeded(MIB);
  assert.equal(ballast.size, 0);
  const nowhere = new Ballast("/nowhere/at/all", 100);
  nowhere.grow();
  nowhere.release();
  assert.equal(nowhere.missing, 100);
  const none = new Ballast(path, 0);
  none.grow();
  assert.equal(existsSync(path), false);
});

test("the forecast says when the outbox is full if it goes on like this", () => {
  const forecast = new Forecast();
  assert.deepEqual([forecast.bytesPerSecond, forecast.fullInMs(1000)], [null, null]);
  forecast.note(0, 0);
  forecast.note(50_000, 500);
  assert.equal(forecast.bytesPerSecond, null, "too early to say");
  forecast.note(60_000, 600);
  assert.equal(forecast.bytesPerSecond, 10);
  assert.equal(forecast.fullInMs(1000), 40_000);
  assert.equal(forecast.fullInMs(600), 0);
  for (let at = 70_000; at <= 3_600_000; at += 1000) {
    forecast.note(at, 600);
  }
  assert.deepEqual([forecast.bytesPerSecond, forecast.fullInMs(1000)], [0, null]);
  forecast.note(4_000_000, 0);
  assert.ok(Number(forecast.bytesPerSecond) < 0);
  assert.equal(forecast.fullInMs(1000), null);
});

function makeBudget(
  free: number | null,
  ballast = new Ballast("/nowhere/at/all", 0),
): { budget: Budget; disk: { free: number | null } } {
  const disk = { free };
  const options = { bytesMax: 500 * MIB, reserveBytes: 100 * MIB, free: () => disk.free };
  return { budget: new Budget(options, ballast), disk };
}

function ballastPath(t: { after: (act: () => void) => void }): string {
  const directory = mkdtempSync(join(tmpdir(), "wardgate-ballast-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "store.ballast");
}
