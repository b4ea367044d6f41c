import assert from "node:assert/strict";
import { test } from "node:test";

import { WardError } from "../../../gateway/errors.ts";
import { KeeperNotices } from "../../../gateway/keeper/notices.ts";

test("trouble is told once in a while, and nothing of what came too late for a keeper that ends", () => {
  const told: string[] = [];
  let now = 0;
  const notices = new KeeperNotices(
    ({ notice }) => told.push(notice),
    () => now,
  );
  notices.forwarding(new WardError("WARD_OUTBOX_CLOSED", "Cannot use the outbox: it is closed."));
  notices.forwarding(new WardError("WARD_OUTBOX_READ", "Cannot read the store. Check the disk."));
  notices.forwarding(new WardError("WARD_OUTBOX_READ", "Cannot read the store. Check the disk."));
  assert.deepEqual(told, ["ward-outbox-read"]);
  now = 3_600_000;
  notices.forwarding(new WardError("WARD_OUTBOX_READ", "Cannot read the store. Check the disk."));
  assert.deepEqual(told, ["ward-outbox-read", "ward-outbox-read"]);
});
