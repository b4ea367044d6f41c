import { constants, openSync } from "node:fs";
import { ReadStream } from "node:tty";

import { SerialPort } from "serialport";

import type { StreamDriver } from "../../../gateway/devices/device.ts";
import { openStreamLine } from "../../../gateway/lines/serial.ts";
import { onCommand, tell } from "../program.ts";
import { smallFrameDevice } from "./small-frames.ts";

/**
 * What reads the devices of devices.ts. A program of its own:
 *
 *     node reader.ts line|serialport|tty MODEL PORT,PORT,...
 *
 * `line` is the gateway's line with its driver, up to the decoded frames; `serialport` the package alone and `tty` a bare terminal of
 * Node.js, both with a listener that only counts.
 */
const [way = "", model = "", list = ""] = process.argv.slice(2);
const { driver, perOutput } = smallFrameDevice(model);
const counts = { bytes: 0, reads: 0, decoded: 0 };

function took(bytes: Uint8Array): void {
  counts.bytes += bytes.length;
  counts.reads += 1;
}

for (const [place, path] of list.split(",").entries()) {
  switch (way) {
    case "line":
      readWithLine(path, place);
      break;
    case "serialport":
      new SerialPort({ path, baudRate: driver.serial.baud }).on("data", took);
      setInterval(() => undefined, 1);
      break;
    default:
      new ReadStream(openSync(path, constants.O_RDONLY | constants.O_NOCTTY)).on("data", took);
  }
}
onCommand(({ count: n }) => {
  const { user, system } = process.cpuUsage();
  tell({ kind: "count", n, ...counts, cpuMicros: user + system });
});
tell({ kind: "ready" });

function readWithLine(path: string, place: number): void {
  const line = openStreamLine(`serial:${path}`);
  line.attach(
    { device: `bed-${place + 1}/monitor`, driver: counting(driver), unit: null, options: {} },
    {
      frame: () => void (counts.decoded += perOutput),
      fault: () => undefined,
      state: () => undefined,
      identity: () => undefined,
    },
  );
}

/** The driver, and the bytes it is given counted. */
function counting(counted: StreamDriver): StreamDriver {
  return {
    ...counted,
    open: (options, scheme) => {
      const decoder = counted.open(options, scheme);
      return {
        push: (bytes, at) => {
          took(bytes);
          return decoder.push(bytes, at);
        },
        tick: (at) => decoder.tick(at),
      };
    },
  };
}
