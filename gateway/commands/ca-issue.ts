import { readFile } from "node:fs/promises";

import { LEAF_DAYS, validFor } from "../../provisioning/ca.ts";
import { writeMosquittoConfig } from "../../provisioning/mosquitto.ts";
import {
  addBroker,
  addGateway,
  addHub,
  writeSignedSettings,
  type SettingsDraft,
} from "../../provisioning/site.ts";
import { errorText, WardError } from "../errors.ts";
import {
  answer,
  listed,
  needed,
  oneTo,
  openAuthority,
  wholeNumber,
  type CaOptions,
} from "./ca-options.ts";
import type { CommandIo } from "./command.ts";
import { hubKeysOf } from "./hub-keys.ts";

/** `wardgate ca issue`: a machine's directory with keys that are made here. */
export async function issue(options: CaOptions, io: CommandIo): Promise<number> {
  const { broker, hub, gateway } = options;
  if ([broker, hub, gateway].filter((one) => one !== undefined).length !== 1) {
    throw new WardError("WARD_USAGE", "Cannot issue: give one of --broker, --hub and --gateway.");
  }
  const days = wholeNumber(options.days, {
    option: "--days",
    otherwise: LEAF_DAYS,
    least: 1,
    most: 825,
  });
  const directory = oneTo(options);
  const authority = await openAuthority(options, io);
  if (broker !== undefined) {
    await addBroker(authority, directory, listed(broker), validFor(days));
  } else if (hub !== undefined) {
    await addHub(authority, directory, hub, validFor(days));
  } else if (gateway !== undefined) {
    await addGateway(authority, directory, gateway, validFor(days));
  }
  answer(options, io, { directory }, `The directory ${directory} is made.`);
  return 0;
}

/** `wardgate ca mosquitto`. */
export async function writeBrokerConfig(options: CaOptions, io: CommandIo): Promise<number> {
  const port = { least: 1, most: 65_535 };
  const config = await writeMosquittoConfig({
    directory: oneTo(options),
    ...(options.host === undefined ? {} : { host: options.host }),
    gatewayPort: wholeNumber(options["gateway-port"], {
      option: "--gateway-port",
      otherwise: 8883,
      ...port,
    }),
    hubPort: wholeNumber(options["hub-port"], { option: "--hub-port", otherwise: 8884, ...port }),
    hubs: listed(needed(options.hub, "--hub ID")),
  });
  answer(options, io, { config }, `Start the broker with: mosquitto -c ${config}`);
  return 0;
}

/** `wardgate ca settings`: signs what a gateway is to do. What the file does not say is as careful as it can be. */
export async function writeSettings(options: CaOptions, io: CommandIo): Promise<number> {
  const gateway = needed(options.gateway, "--gateway ID");
  const hubs = needed(options.hub, "--hub DIR");
  const settings = await draftOf(needed(options.settings, "--settings FILE"));
  const gatewayDirectory = oneTo(options);
  const hubKeys = await hubKeysOf(hubs);
  const authority = await openAuthority(options, io);
  await writeSignedSettings({ authority, gatewayDirectory, gateway, hubKeys, settings });
  answer(options, io, { gateway, gatewayDirectory }, `The settings of ${gateway} are signed.`);
  return 0;
}

async function draftOf(file: string): Promise<SettingsDraft> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new WardError("WARD_USAGE", `Cannot read the settings ${file}: ${errorText(error)}.`, {
      cause: error,
    });
  }
  const draft = { ...CAREFUL, ...Object(value) };
  if (!isDraft(draft)) {
    throw new WardError("WARD_USAGE", `Cannot use the settings ${file}: broker is missing.`);
  }
  return draft;
}

/** Every field is checked, with all problems at once, when it is signed. */
function isDraft(value: object): value is SettingsDraft {
  return "broker" in value;
}

const CAREFUL = { authoring: false, lines: [], opcuaTrust: [], flows: [] } as const;
