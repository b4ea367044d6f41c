import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { utcOf, yearOf } from "../../../gateway/devices/calendar.ts";

test("printed fields are read as UTC", () => {
  const midnight = { year: 1999, month: 12, day: 31, hour: 23, minute: 59, second: 59 };
  assert.equal(utcOf(midnight), Date.parse("1999-12-31T23:59:59Z"));
  const isoDay = fc.date({
    min: new Date("1980-01-01T00:00:00Z"),
    max: new Date("2079-12-31T23:59:59Z"),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(isoDay, (date) => {
      const fields = {
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
        hour: date.getUTCHours(),
        minute: date.getUTCMinutes(),
        second: date.getUTCSeconds(),
      };
      assert.equal(utcOf(fields), Math.floor(date.getTime() / 1000) * 1000);
    }),
  );
});

test("fields that name no time give none", () => {
  const good = { year: 2026, month: 2, day: 28, hour: 0, minute: 0, second: 0 };
  for (const bad of [
    { month: 0 },
    { month: 13 },
    { day: 0 },
    { day: 29 },
    { month: 4, day: 31 },
    { hour: 24 },
    { minute: 60 },
    { second: 60 },
    { month: Number.NaN },
    { year: 1969 },
    { year: 26 },
    { year: 0 },
  ]) {
    assert.equal(utcOf({ ...good, ...bad }), null);
  }
  assert.notEqual(utcOf({ ...good, year: 2024, day: 29 }), null);
  assert.notEqual(utcOf({ ...good, year: 2000, day: 29 }), null);
  assert.equal(utcOf({ ...good, year: 2100, day: 29 }), null);
});

test("two digits of a year are of this century up to 79", () => {
  assert.equal(yearOf(0), 2000);
  assert.equal(yearOf(79), 2079);
  assert.equal(yearOf(80), 1980);
  assert.equal(yearOf(99), 1999);
});
