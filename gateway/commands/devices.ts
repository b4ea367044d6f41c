import { WardError } from "../errors.ts";
import type { Command } from "./command.ts";
import { listDevices } from "./devices-list.ts";
import { readDevice } from "./devices-read.ts";

const HELP = `wardgate devices list [--json]
wardgate devices read <model> --line URL [options]

list   prints every device this gateway can read: model, maker, protocol, lines, evidence (A: byte-exact from two
       sources or known answers, B: from one good source), and whether it only listens or asks.
read   connects to one device and prints what it gives, as bedside would take it: unchecked and unfiltered.

  --line URL        serial:/dev/ttyUSB0?baud=9600&format=8N1, unix:/run/port.sock, tcp://host:port, udp://host:port,
                    modbus-tcp://host:port, modbus-rtu:/dev/ttyUSB0, modbus-ascii:/dev/ttyUSB0,
                    modbus-rtu+tcp://host:port, opc.tcp://host:port/path
  --unit N          Modbus unit
  --option k=v      an option of the driver; may be repeated
  --device ID       device id to print (default: the model)
  --seconds N       stop after N seconds (default: when stopped)
  --trust FILE      OPC-UA: certificate (PEM) of the server that may be read; may be repeated
  --pki DIR         OPC-UA: directory for the client's own certificate (default: a temporary one)
  --json            one JSON object a line: readings, waveforms, faults

How the line is doing goes to stderr. Exit code 0 when something was read, 1 when nothing was.
`;

/** `wardgate devices`: what can be read, and reading it. */
export const command: Command = {
  summary: "list the devices that can be read; read one",
  help: HELP,
  async run(args, io) {
    const [verb, ...rest] = args;
    switch (verb) {
      case "list":
        return listDevices(rest, io);
      case "read":
        return readDevice(rest, io);
      default:
        throw new WardError(
          "WARD_USAGE",
          "Cannot run devices: write wardgate devices list or wardgate devices read <model> --line URL.",
        );
    }
  },
};
