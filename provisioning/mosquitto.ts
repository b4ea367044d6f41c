import { mkdir, readFile, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";

import { WardError } from "../gateway/errors.ts";
import { isGatewayId } from "../gateway/reading.ts";

/** What the shipped mosquitto configuration leaves open. */
export interface MosquittoOptions {
  /** A broker directory as `makeSite` writes it; the configuration goes there too. An absolute path. */
  readonly directory: string;
  /** Address to listen on (default 127.0.0.1; a ward's broker listens on 0.0.0.0). */
  readonly host?: string;
  readonly gatewayPort: number;
  readonly hubPort: number;
  /** Ids of the hubs that may read, 1 or more. */
  readonly hubs: readonly string[];
  /** System user to run as when started by root; it must be able to read the directory (default: who runs this). */
  readonly user?: string;
  /** Longest packet (bytes; default 16 MiB). */
  readonly packetBytesMax?: number;
}

const PACKET_BYTES_MAX = 16 * 2 ** 20;

/**
 * Fills in the shipped mosquitto configuration and access lists.
 * @returns the path to give to `mosquitto -c`
 * @throws WardError `WARD_MOSQUITTO_OPTIONS` for a value that does not fit on a line of the configuration
 */
export async function writeMosquittoConfig(options: MosquittoOptions): Promise<string> {
  const values = new Map([
    ["DIRECTORY", options.directory],
    ["HOST", options.host ?? "127.0.0.1"],
    ["GATEWAY_PORT", port(options.gatewayPort)],
    ["HUB_PORT", port(options.hubPort)],
    ["USER", options.user ?? userInfo().username],
    ["PACKET_BYTES_MAX", String(options.packetBytesMax ?? PACKET_BYTES_MAX)],
  ]);
  const config = join(options.directory, "mosquitto.conf");
  await mkdir(join(options.directory, "persistence"), { recursive: true, mode: 0o700 });
  await writeFile(config, fill(await shipped("mosquitto.conf"), values));
  await writeFile(join(options.directory, "gateways.acl"), await shipped("gateways.acl"), PRIVATE);
  const block = await shipped("hubs.acl");
  const hubs = options.hubs.map((hub) => fill(block, new Map([["HUB", hubId(hub)]])));
  await writeFile(join(options.directory, "hubs.acl"), hubs.join("\n"), PRIVATE);
  return config;
}

/** mosquitto warns of access lists that others may read. */
const PRIVATE = { mode: 0o600 } as const;

async function shipped(name: string): Promise<string> {
  return await readFile(new URL(`./mosquitto/${name}`, import.meta.url), "utf8");
}

function fill(template: string, values: ReadonlyMap<string, string>): string {
  return template.replaceAll(/@([A-Z_]+)@/g, (_all, name: string) => {
    const value = values.get(name);
    if (value === undefined || /[\r\n@]/.test(value) || value === "") {
      throw new WardError(
        "WARD_MOSQUITTO_OPTIONS",
        `Cannot write the mosquitto configuration: ${name} is ${JSON.stringify(value)}. Give one line of text.`,
      );
    }
    return value;
  });
}

function port(number: number): string {
  if (!Number.isInteger(number) || number < 1 || number > 65_535) {
    throw new WardError(
      "WARD_MOSQUITTO_OPTIONS",
      `Cannot write the mosquitto configuration: port ${number} is not 1-65535.`,
    );
  }
  return String(number);
}

function hubId(hub: string): string {
  if (!isGatewayId(hub)) {
    throw new WardError(
      "WARD_MOSQUITTO_OPTIONS",
      `Cannot write the mosquitto access list: ${JSON.stringify(hub)} is not an id of a-z, 0-9 and dash.`,
    );
  }
  return hub;
}
