import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { WardError } from "../../../gateway/errors.ts";
import { parseRoomToMain } from "../../../gateway/house/room-words.ts";
import { ROOMS } from "../../../gateway/rooms.ts";

test("whatever a room says is a message or a WardError", () => {
  const said = fc.oneof(
    fc.anything(),
    fc.record({
      t: fc.constantFrom("ready", "pong", "notice", "counted", "fatal"),
      n: fc.anything(),
      text: fc.anything(),
      facts: fc.anything(),
      notice: fc.anything(),
    }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...ROOMS), said, (room, value) => {
      try {
        parseRoomToMain(room, value);
      } catch (error) {
        assert.ok(error instanceof WardError, String(error));
      }
    }),
  );
});

test("only bedside counts, only the keeper keeps, only bedside and keeper give notice, only the listener hands browsers on", () => {
  const notice = { t: "notice", notice: { device: "", notice: "x", text: "y", since: null } };
  const login = {
    kind: "login",
    who: "editor",
    outcome: "accepted",
    what: { session: "00112233" },
  };
  const conduct = {
    boot: "0123456789abcdef",
    steadyMs: 1,
    clockSteps: 0,
    isClockGood: true,
    devices: [],
  };
  const says: readonly [object, readonly string[]][] = [
    [{ t: "counted", text: "{}" }, ["bedside"]],
    [{ t: "checkpoint", n: 1, text: "{}", isUrgent: true }, ["bedside"]],
    [{ t: "checkpoint-kept", n: 1 }, ["keeper"]],
    [{ t: "conduct", conduct }, ["bedside"]],
    [{ t: "conduct", conduct: { ...conduct, devices: [{ device: "bed-1", value: 97 }] } }, []],
    [notice, ["keeper", "bedside"]],
    [{ t: "editor" }, ["listener"]],
    [{ t: "journal", id: 1, event: login }, ["listener"]],
    [{ t: "watch", on: true }, ["listener"]],
    [{ t: "watch", on: 1 }, []],
    [{ t: "query", id: 1, what: "journal", argument: "50" }, ["listener"]],
    [{ t: "query", id: 1, what: "outbox-read", argument: "" }, []],
    [{ t: "query", id: 1, what: "accounts", argument: "x\ny" }, []],
    // What main alone knows, main alone may have written down.
    [{ t: "journal", id: 1, event: { ...login, kind: "house-stopped", what: {} } }, []],
    [{ t: "journal", id: 1, event: { ...login, text: "more" } }, []],
  ];
  for (const [message, may] of says) {
    const heard = ROOMS.filter((room) => {
      try {
        return parseRoomToMain(room, message).t !== undefined;
      } catch {
        return false;
      }
    });
    assert.deepEqual(heard, may);
  }
});

test("a notice is trimmed to what every later check accepts, and cannot write to a terminal", () => {
  const said = parseRoomToMain("keeper", {
    t: "notice",
    notice: {
      device: "../x",
      notice: "NO NO",
      text: `\u001B[2Jhello\n${"x".repeat(5000)}`,
      since: -1,
    },
  });
  assert.ok(said.t === "notice");
  const { device, notice, text, since } = said.notice;
  assert.deepEqual([device, notice, since], ["", "unnamed", null]);
  assert.ok(text.length <= 400 && text.startsWith("[2Jhello x"));
});
