import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";

import { Authority } from "../../provisioning/authority.ts";
import { openBalenaCloud } from "../../provisioning/fleet/balena-cloud.ts";
import type { CloudState, FleetCloud } from "../../provisioning/fleet/cloud.ts";
import { certifiedGateways, readSite } from "../../provisioning/fleet/fleet-keys.ts";
import {
  parseInventory,
  type Inventory,
  type InventoryGateway,
} from "../../provisioning/fleet/inventory.ts";
import { planFleet, type Plan } from "../../provisioning/fleet/plan.ts";
import { WardError } from "../errors.ts";
import { readError } from "./read-error.ts";
import { readYamlFile } from "./yaml-file.ts";

/** The options of `wardgate fleet`. */
export interface FleetOptions {
  readonly inventory: string;
  readonly directory: string;
  readonly gateway?: string | undefined;
  readonly why?: string | undefined;
  readonly hours?: string | undefined;
  readonly api: string;
  readonly "token-file"?: string | undefined;
  readonly json: boolean;
}

/** What every verb begins with. */
export interface Fleet {
  readonly inventory: Inventory;
  readonly authority: Authority;
  readonly cloud: FleetCloud;
  readonly state: CloudState;
  readonly plan: Plan;
  /** End of each gateway's certificate (epoch milliseconds). */
  readonly certificateEnds: ReadonlyMap<string, number>;
}

/** Reads the inventory, asks the cloud and compares. Throws WardErrors of the parts. */
export async function openFleet(options: FleetOptions): Promise<Fleet> {
  const path = resolve(options.inventory);
  const inventory = parseInventory(readYamlFile(path));
  const authority = new Authority(resolve(options.directory));
  const sites = new Map<string, string>();
  for (const gateway of inventory.gateways) {
    const site = await readSite(authority, gateway, dirname(path));
    if (site !== null) {
      sites.set(gateway.id, site);
    }
  }
  const root = inventory.bundleRoot === null ? null : resolve(dirname(path), inventory.bundleRoot);
  const bundleRoot = root === null ? null : (await readGiven(root)).toString("base64");
  const cloud = await openBalenaCloud({ apiUrl: options.api, token: await tokenOf(options) });
  const state = await cloud.state(inventory.fleet);
  const now = Date.now();
  const { ends, revoked } = await certifiedGateways(authority, now);
  const facts = { enrolled: new Set(ends.keys()), revoked, sites, bundleRoot, now };
  return {
    inventory,
    authority,
    cloud,
    state,
    plan: planFleet(inventory, state, facts),
    certificateEnds: ends,
  };
}

/** The gateways that `--gateway` names, with their devices in the cloud. Throws WardError `WARD_USAGE`. */
export function namedGateways(
  { inventory, state }: Fleet,
  names: string | undefined,
): { readonly gateway: InventoryGateway; readonly device: number | null }[] {
  if (names === undefined || names === "") {
    throw new WardError(
      "WARD_USAGE",
      "Cannot do that: give --gateway ID,... See: wardgate fleet --help",
    );
  }
  return names.split(",").map((name) => {
    const gateway = inventory.gateways.find(({ id }) => id === name.trim());
    if (gateway === undefined) {
      throw new WardError(
        "WARD_USAGE",
        `Cannot do that: the inventory has no gateway ${name.trim()}.`,
      );
    }
    const device = state.devices.find(({ uuid }) => uuid === gateway.uuid);
    return { gateway, device: device?.id ?? null };
  });
}

async function tokenOf({ "token-file": file }: FleetOptions): Promise<string> {
  const text =
    file === undefined
      ? (process.env["BALENA_API_KEY"] ?? "")
      : (await readGiven(resolve(file))).toString("utf8");
  if (text.trim() === "") {
    throw new WardError(
      "WARD_USAGE",
      "Cannot ask balena: give an API key with --token-file FILE or in BALENA_API_KEY.",
    );
  }
  return text.trim();
}

async function readGiven(path: string): Promise<Buffer> {
  return await readFile(path).catch((error: unknown) => {
    throw readError(path, error);
  });
}
