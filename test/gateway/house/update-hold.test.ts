import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Agent } from "../../../gateway/balena/agent.ts";
import { reasonToHold, UpdateHold } from "../../../gateway/house/update-hold.ts";

const directory = mkdtempSync(join(tmpdir(), "wardgate-hold-"));
after(() => rmSync(directory, { recursive: true }));
const socket = join(directory, "agent.sock");
const lockPath = join(directory, "updates.lock");

async function until(what: string, is: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!is()) {
    assert.ok(Date.now() < end, what);
    await sleep(5);
  }
}

test("updates are held off during a trial and while the hub catches up, and not otherwise", () => {
  const keeper = (connected: boolean, ageMs: number | null): object => ({
    connected,
    classes: { vital: { backlog: { oldestAt: ageMs === null ? null : 1e12 - ageMs } } },
  });
  const reason = (onTrial: boolean, said: unknown): string | null =>
    reasonToHold({ onTrial, keeper: said, now: 1e12 });
  assert.equal(reason(true, keeper(true, null)), "trial");
  assert.equal(reason(false, keeper(true, 600_000)), "drain");
  assert.equal(reason(false, keeper(false, 600_000)), null);
  assert.equal(reason(false, keeper(true, 1000)), null);
  assert.equal(reason(false, keeper(true, null)), null);
  assert.equal(reason(false, null), null);
});

test("the box is held during a trial, and let go after it", async () => {
  const agent = await Agent.open({ socket, supervisor: null, lockPath });
  let isOnTrial = true;
  const settings = { agentSocket: socket, updateHoldS: 3600 };
  const hold = new UpdateHold({ stats: () => null }, () => isOnTrial, settings, 5);
  await until("held", () => existsSync(lockPath));
  isOnTrial = false;
  await until("let go", () => !existsSync(lockPath));
  hold.close();
  await agent.close();
});

test("a trial without end does not hold the box for ever", async () => {
  const agent = await Agent.open({ socket, supervisor: null, lockPath });
  const settings = { agentSocket: socket, updateHoldS: 1 };
  const hold = new UpdateHold({ stats: () => null }, () => true, settings, 5);
  await until("held", () => existsSync(lockPath));
  await until("let go", () => !existsSync(lockPath));
  hold.close();
  await agent.close();
});

test("where there is no agent, or it is away, the gateway goes on", async () => {
  for (const agentSocket of ["", join(directory, "nobody.sock")]) {
    let looks = 0;
    const look = (): boolean => (looks += 1) > 0;
    const hold = new UpdateHold({ stats: () => null }, look, { agentSocket, updateHoldS: 3600 }, 1);
    await until("some looks", () => looks > 5);
    hold.close();
  }
});
