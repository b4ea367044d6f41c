import { openPty } from "../../../gateway/simulate/pty.ts";
import { onCommand, tell } from "../program.ts";
import { FRAMES_PER_SECOND, smallFrameDevice, smallFrames } from "./small-frames.ts";

/**
 * Devices that send small frames on pseudo terminals, each frame in a piece of its own and no two devices at the same moment. A
 * program of its own:
 *
 *     node devices.ts MODEL DEVICES
 *
 * It says `{"kind":"ready","ports":[...],"frameBytes":N}` and sends until its standard input ends.
 */
const [model = "", devices = "30"] = process.argv.slice(2);
const device = smallFrameDevice(model);
const FRAMES = 300;
const TICK_MS = 1;
/** Frames that are made up for when a tick comes late; older ones are skipped. */
const LATE_MS_MAX = 200;

const everyMs = 1000 / FRAMES_PER_SECOND;
const startAt = performance.now();
const all = await Promise.all(
  Array.from({ length: Number(devices) }, async (_, place) => ({
    pty: await openPty(),
    frames: smallFrames(device, place + 1, FRAMES),
    next: 0,
    dueAt: startAt + (everyMs * place) / Number(devices),
  })),
);

setInterval(() => {
  const now = performance.now();
  for (const one of all) {
    for (
      one.dueAt = Math.max(one.dueAt, now - LATE_MS_MAX);
      one.dueAt <= now;
      one.dueAt += everyMs
    ) {
      one.pty.send(one.frames[one.next] ?? new Uint8Array(0));
      one.next = (one.next + 1) % one.frames.length;
    }
  }
}, TICK_MS);

onCommand(() => undefined);
const [first] = all;
const bytes = first?.frames.reduce((sum, frame) => sum + frame.length, 0) ?? 0;
tell({
  kind: "ready",
  ports: all.map(({ pty }) => pty.path),
  frameBytes: bytes / (first?.frames.length ?? 1),
});
