import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { errorText, WardError } from "../errors.ts";
import { PortServer } from "../port-server/port-server.ts";
import type { Command, CommandIo } from "./command.ts";

const help = `Usage: wardgate ports --directory DIR [options]

Shares the serial ports of this machine as UNIX sockets, one for each port, that speak RFC 2217: for a gateway in a container
that has no rights to the ports. In line URLs the socket stands in place of the port: serial:DIR/NAME.sock?baud=9600,
modbus-rtu:DIR/NAME.sock. Whoever may open a socket may use its port.

  --directory DIR    where the sockets go
  --match PATTERN    which ports below the directory of devices, once or more often (default: serial/by-path/*, ttyAMA*, ttyRS485*)
  --devices DIR      the directory of devices (default: /dev)
  --mount-devices    mount the kernel's own devices there first, so that ports which are plugged in later are seen. Needs root
  --json             one JSON object a line
`;

/** `wardgate ports`. */
export const command: Command = {
  summary: "share the serial ports of this machine as sockets",
  help,
  run,
};

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      directory: { type: "string" },
      match: { type: "string", multiple: true },
      devices: { type: "string", default: "/dev" },
      "mount-devices": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  if (values.directory === undefined) {
    throw new WardError("WARD_USAGE", "Cannot share ports: --directory DIR is missing.");
  }
  const devices = resolve(values.devices);
  if (values["mount-devices"]) {
    mountDevices(devices);
  }
  const server = await PortServer.open({
    directory: resolve(values.directory),
    patterns: (values.match ?? PATTERNS).map((pattern) => join(devices, pattern)),
    onEvent: ({ event, port, text }) => {
      const line = values.json
        ? JSON.stringify({ event, port, text })
        : `${port}: ${event} ${text}`;
      io.stdout.write(`${line.trimEnd()}\n`);
    },
  });
  if (!io.stop.aborted) {
    await once(io.stop, "abort");
  }
  await server.close();
  return 0;
}

const PATTERNS = ["serial/by-path/*", "ttyAMA*", "ttyRS485*"];

/** A container's own /dev holds what was there when it started, and nothing that is plugged in later. */
function mountDevices(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    if (readdirSync(directory).length === 0) {
      execFileSync("mount", ["-t", "devtmpfs", "devtmpfs", directory]);
    }
  } catch (error) {
    throw new WardError(
      "WARD_PORTS",
      `Cannot mount the devices at ${directory}: ${errorText(error)}. This needs a privileged service.`,
      { cause: error },
    );
  }
}
