import { WardError } from "../errors.ts";
import type { Command } from "./command.ts";
import { browseDevice } from "./devices-browse.ts";
import { listDevices } from "./devices-list.ts";
import { loginDevice } from "./devices-login.ts";
import { readDevice } from "./devices-read.ts";

const HELP = `wardgate devices list [--json]
wardgate devices read <model> --line URL [options]
wardgate devices browse --line opc.tcp://host:port [--node ID] [options]
wardgate devices login --line opc.tcp://host:port --data DIR --user NAME

list   prints every device this gateway can read: model, maker, protocol, lines, evidence (A: byte-exact from two
       sources or known answers, B: from one good source), and whether it only listens or asks.
read   connects to one device and prints what it gives, as bedside would take it: unchecked and unfiltered.
browse prints what is below a node of an OPC-UA server: class, name, type, value, unit and node id, for a point table.
login  keeps the login for one OPC-UA server in the gateway's data directory, readable by its owner only. The password
       is read from stdin. --certificate FILE --key FILE (PEM) instead of --user for a user certificate; --remove
       to read without a login again.

  --line URL        serial:/dev/ttyUSB0?baud=9600&format=8N1, unix:/run/port.sock, tcp://host:port, udp://host:port,
                    modbus-tcp://host:port, modbus-rtu:/dev/ttyUSB0, modbus-ascii:/dev/ttyUSB0,
                    modbus-rtu+tcp://host:port, opc.tcp://host:port/path
  --unit N          Modbus unit
  --option k=v      an option of the driver; may be repeated. k=@FILE reads a long one, such as a register map, from a
                    file (JSON or YAML)
  --device ID       device id to print (default: the model)
  --seconds N       stop after N seconds (default: when stopped)
  --trust FILE      OPC-UA: certificate (PEM) of the server that may be read; may be repeated
  --pki DIR         OPC-UA: directory of the client's own certificate and logins (default: a temporary one; of a
                    gateway: DIR/opcua-pki)
  --node ID         browse: node id such as nsu=urn:maker:device;s=Tank, or a browse path such as DeviceSet > Tank
                    (default: Objects)
  --json            one JSON object a line: readings, waveforms, faults

How the line is doing goes to stderr. Exit code of read: 0 when something was read, 1 when nothing was.
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
      case "browse":
        return browseDevice(rest, io);
      case "login":
        return loginDevice(rest, io);
      default:
        throw new WardError(
          "WARD_USAGE",
          "Cannot run devices: write wardgate devices list, read, browse or login; wardgate devices --help says more.",
        );
    }
  },
};
