import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { command } from "../../../gateway/commands/login.ts";
import { askControl, type ControlledHouse, serveControl } from "../../../gateway/house/control.ts";
import { run } from "./wardgate.ts";

const root = mkdtempSync(join(tmpdir(), "wardgate-login-"));
after(() => rmSync(root, { recursive: true }));

const asked: string[] = [];
/** What the keeper says when it is to write something down. */
let journal: object = { written: true };
const house: ControlledHouse = {
  ask: async (room, what) => {
    asked.push(`${room} ${what.split(" ")[0]}`);
    return room === "keeper" ? journal : `token-${asked.length}`;
  },
  stats: () => ({ takes: 1 }),
  facts: () => ({ port: 8443 }),
  health: () => ({ state: "good", text: "", forMs: 0 }),
};

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

test("a running gateway gives a fresh address each time, as text and as JSON", async () => {
  const control = await serveControl(root, house);
  const text = await run(command, ["--data", root]);
  assert.deepEqual([text.code, text.stdout], [0, "https://localhost:8443/login?token=token-2\n"]);
  const json = await run(command, ["--data", root, "--json"]);
  assert.deepEqual(JSON.parse(json.stdout), {
    editor: "https://localhost:8443/login?token=token-4",
  });
  const [written, given] = ["keeper journal-append", "listener login"];
  assert.deepEqual(asked.splice(0), [written, given, written, given]);
  journal = { code: "WARD_JOURNAL_WRITE", error: "Cannot write the journal: the disk is full." };
  const refused = await run(command, ["--data", root]);
  assert.match(refused.stderr, /^Cannot write the journal: the disk is full\./);
  assert.deepEqual(asked.splice(0), [written], "no login is given that is not written down");
  journal = { written: true };
  await close(control);
});

test("only who runs the gateway may ask, however long the directory's path is", async () => {
  const long = join(root, "a".repeat(100), "b".repeat(100));
  mkdirSync(long, { recursive: true });
  for (const directory of [root, long]) {
    const control = await serveControl(directory, house);
    const socket = statSync(join(directory, "control.sock"));
    assert.ok(socket.isSocket());
    assert.equal(socket.mode & 0o777, 0o600);
    assert.deepEqual(await askControl(directory, "bedside"), { takes: 1 });
    await close(control);
    assert.ok(!existsSync(join(directory, "control.sock")));
  }
});

test("without an editor, a gateway or a directory it says so", async () => {
  const control = await serveControl(root, { ...house, facts: () => ({}) });
  const off = await run(command, ["--data", root]);
  assert.match(off.stderr, /^Cannot give a login: no editor is running\./);
  await close(control);
  const ask: ControlledHouse["ask"] = async (room) => (room === "keeper" ? journal : null);
  const starting = await serveControl(root, { ...house, ask });
  assert.match((await run(command, ["--data", root])).stderr, /^Cannot give a login/);
  await close(starting);
  assert.equal((await run(command, ["--data", root])).code, "WARD_NOT_RUNNING");
  assert.equal((await run(command, ["--data", join(root, "none")])).code, "WARD_NOT_RUNNING");
  assert.equal((await run(command, [])).code, "WARD_USAGE");
});
