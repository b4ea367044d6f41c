import { join } from "node:path";
import { parseArgs } from "node:util";

import { EmbeddedBroker, type BrokerEvent } from "../../hub/broker.ts";
import { readBrokerIdentity } from "../../hub/broker-identity.ts";
import { errorText, WardError } from "../errors.ts";
import { BROKER_FILES } from "../identity/site-files.ts";
import { FileWatch } from "../uplink/file-watch.ts";
import type { Command, CommandIo } from "./command.ts";

const HELP = `wardgate broker --directory DIR [options]

Runs the small embedded MQTT broker with TLS 1.3 and client certificates: one port for gateways, one for hubs.
It is meant for demos and tests and keeps nothing on disk; a hospital runs mosquitto or a broker cluster
(see provisioning/README.md). New certificates and revocation lists in the directory count at once, and whoever they revoke
is cut off.

  --directory DIR     broker directory as provisioning makes it
  --host ADDRESS      address to listen on (default 127.0.0.1)
  --gateway-port N    port for gateways, 0 = any free one (default 0)
  --hub-port N        port for hubs, 0 = any free one (default 0)
  --json              print the ready line and events as JSON
`;

/** `wardgate broker`: prints one ready line with the ports, then runs until it is stopped. */
export const command: Command = {
  summary: "run the embedded MQTT broker (for demos and tests)",
  help: HELP,
  async run(args, io) {
    const options = readOptions(args);
    const broker = await EmbeddedBroker.open({
      identity: await readBrokerIdentity(options.directory),
      host: options.host,
      gatewayPort: options.gatewayPort,
      hubPort: options.hubPort,
      onEvent: (event) => tell(io, options.json, event),
    });
    io.stdout.write(readyLine(broker, options));
    const files = new FileWatch({
      paths: Object.values(BROKER_FILES).map((file) => join(options.directory, file)),
      everyMs: LOOK_MS,
      changed: () => void renew(broker, options, io),
    });
    await files.start();
    await stopped(io.stop);
    files.stop();
    await broker.close();
    return 0;
  },
};

/** New revocation lists must count soon. */
const LOOK_MS = 1000;

/** What was replaced in the directory counts from now on; what cannot be used is told, and what was goes on. */
async function renew(broker: EmbeddedBroker, { directory }: Options, io: CommandIo): Promise<void> {
  try {
    broker.renew(await readBrokerIdentity(directory));
  } catch (error) {
    io.stderr.write(`wardgate broker: ${errorText(error)}\n`);
  }
}

interface Options {
  readonly directory: string;
  readonly host: string;
  readonly gatewayPort: number;
  readonly hubPort: number;
  readonly json: boolean;
}

function readOptions(args: readonly string[]): Options {
  const { values } = parsed(args);
  if (values.directory === undefined) {
    throw new WardError("WARD_USAGE", "Cannot start the broker: give --directory DIR.");
  }
  return {
    directory: values.directory,
    host: values.host,
    gatewayPort: portOf("--gateway-port", values["gateway-port"]),
    hubPort: portOf("--hub-port", values["hub-port"]),
    json: values.json,
  };
}

function parsed(args: readonly string[]): ReturnType<typeof parseBrokerArgs> {
  try {
    return parseBrokerArgs(args);
  } catch (error) {
    throw new WardError("WARD_USAGE", `Cannot start the broker: ${errorText(error)}`, {
      cause: error,
    });
  }
}

// An arrow function, so that the types of the values follow from the option table.
const parseBrokerArgs = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    options: {
      directory: { type: "string" },
      host: { type: "string", default: "127.0.0.1" },
      "gateway-port": { type: "string", default: "0" },
      "hub-port": { type: "string", default: "0" },
      json: { type: "boolean", default: false },
    },
  });

function portOf(option: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port < 0 || port > 65_535) {
    throw new WardError("WARD_USAGE", `Cannot use ${option} ${text}: a port is 0-65535.`);
  }
  return port;
}

function readyLine(broker: EmbeddedBroker, options: Options): string {
  const { gatewayPort, hubPort } = broker;
  return options.json
    ? `${JSON.stringify({ kind: "ready", host: options.host, gatewayPort, hubPort })}\n`
    : `broker ready: gateways on ${options.host}:${gatewayPort}, hubs on ${options.host}:${hubPort}\n`;
}

function tell(io: CommandIo, json: boolean, event: BrokerEvent): void {
  if (json) {
    io.stdout.write(`${JSON.stringify({ ...event, event: event.kind, kind: "client" })}\n`);
  } else if (event.kind === "refused") {
    io.stderr.write(`broker refused ${event.role} ${event.name}: ${event.text}\n`);
  }
}

async function stopped(stop: AbortSignal): Promise<void> {
  if (!stop.aborted) {
    await new Promise<void>((resolve) => {
      stop.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}
