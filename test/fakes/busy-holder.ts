import { lockDataDirectory } from "../../gateway/data-lock.ts";

/** Holds the lock of a directory, and then does nothing else for so many milliseconds. */
const [directory = "", busyMs = "0"] = process.argv.slice(2);
await lockDataDirectory(directory);
process.stdout.write("held\n", () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(busyMs));
  setInterval(() => undefined, 60_000);
});
