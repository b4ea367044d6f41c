import assert from "node:assert/strict";
import { test } from "node:test";

import { RoomChild } from "../../../gateway/house/room-child.ts";

const RUDE = "../test/fakes/rude-room.ts";

/** Starts the rude room, lets it say something, and returns why it ended. */
function hear(says: string): Promise<string> {
  return new Promise((resolve) => {
    const child: RoomChild = new RoomChild(
      { name: "flowhost", entry: RUDE, nodeOptions: [], environment: {} },
      2500,
      { message: () => assert.fail("made a message of it"), exit: resolve },
    );
    child.send({ t: "start", config: { says } });
  });
}

for (const says of [
  "null\n",
  '{"t":"notice","notice":{}}\n',
  '{"t":"counted","text":"{}"}\n',
  "[]\n",
  '{"t":7}\n',
]) {
  test(`a room that says ${says.trim()} ends, and main goes on`, async () => {
    assert.match(await hear(says), /unknown form/);
  });
}

test("a room that does not answer is ended", async () => {
  assert.match(
    await hear('{"t":"pong","n":1,"oldestUnsettledMs":null}\n'),
    /did not answer for 3 s, SIGKILL/,
  );
});
