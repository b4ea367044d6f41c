import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, symlink, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { needDriver } from "../../../gateway/devices/catalog.ts";
import { openStreamLine } from "../../../gateway/lines/serial.ts";
import { openPty } from "../../../gateway/simulate/pty.ts";
import { RecordedDevice } from "./recorded-device.ts";

const CAPTURE = "gateway/devices/nonin-oem3-format2/captures/steady.bin";
const PLUGS = 100;
/** Descriptors that come and go by themselves (timers of child processes, the test runner's pipes). */
const SPARE = 8;

// A USB adapter that comes back gets another tty; the stable path of udev is a link to it, as here.
test(
  "a cable pulled and plugged in 100 times is read again each time, and nothing is left open",
  { timeout: 150_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "wardgate-replug-"));
    const path = join(folder, "port0");
    const bytes = readFileSync(CAPTURE);
    const line = openStreamLine(`serial:${path}`, { firstRetryMs: 5, maxRetryMs: 20 });
    const device = new RecordedDevice();
    const spec = { device: "bed-1/monitor", unit: null, options: {} };
    line.attach({ ...spec, driver: needDriver("nonin-oem3-format2") }, device.sink);
    try {
      let before = 0;
      for (let plug = 0; plug < PLUGS; plug += 1) {
        const pty = await openPty();
        await symlink(pty.path, path);
        const frames = device.frames.length;
        const sending = setInterval(() => pty.send(bytes), 20);
        await device.until(() => device.frames.length > frames);
        clearInterval(sending);
        const gone = device.nextState("backoff");
        await unlink(path);
        await pty.close();
        assert.match(await gone, /unplugged/);
        if (plug === 0) {
          before = openDescriptors();
        }
      }
      assert.ok(
        openDescriptors() <= before + SPARE,
        `${openDescriptors()} descriptors, ${before} at first`,
      );
    } finally {
      await line.close();
      await rm(folder, { recursive: true });
    }
  },
);

function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}
