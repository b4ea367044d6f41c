import type { CloudState } from "./cloud.ts";
import type { Inventory } from "./inventory.ts";
import type { Plan } from "./plan.ts";

/** How one gateway of the inventory is, as far as cloud and authority know. */
export interface GatewayStatus {
  readonly gateway: string;
  readonly ward: string;
  readonly ring: string;
  /** Devices at its beds. */
  readonly devices: number;
  readonly state: "online" | "offline" | "never seen" | "not in the fleet";
  readonly lastSeen: string | null;
  /** Version that it runs, and the one that it is to run. */
  readonly running: string | null;
  readonly wanted: string;
  readonly os: string | null;
  /** End of its certificate (epoch milliseconds), or null without one. */
  readonly certificateEnd: number | null;
  /** Changes that the next apply would make. */
  readonly changes: number;
}

/** Every gateway of the inventory, in its order. */
export function fleetStatus(
  inventory: Inventory,
  cloud: CloudState,
  o: { readonly plan: Plan; readonly certificateEnds: ReadonlyMap<string, number> },
): GatewayStatus[] {
  const versions = new Map(cloud.releases.map(({ id, version }) => [id, version]));
  const wanted = new Map(inventory.rings.map(({ name, release }) => [name, release]));
  return inventory.gateways.map(({ id, uuid, ward, ring, devices }) => {
    const device = cloud.devices.find((one) => one.uuid === uuid);
    const running = device?.running ?? null;
    return {
      gateway: id,
      ward,
      ring,
      devices: devices.length,
      state:
        device === undefined
          ? "not in the fleet"
          : device.isOnline
            ? "online"
            : device.lastSeen === null
              ? "never seen"
              : "offline",
      lastSeen: device?.lastSeen ?? null,
      running: running === null ? null : (versions.get(running) ?? "an unknown release"),
      wanted: wanted.get(ring) ?? "",
      os: device?.os ?? null,
      certificateEnd: o.certificateEnds.get(id) ?? null,
      changes: o.plan.changes.filter(({ gateway }) => gateway === id).length,
    };
  });
}

/** The states as a table. */
export function statusText(states: readonly GatewayStatus[]): string {
  const head = [
    "gateway",
    "ward",
    "ring",
    "state",
    "runs",
    "is to run",
    "certificate until",
    "changes",
  ];
  const rows = states.map((one) => [
    one.gateway,
    one.ward,
    one.ring,
    one.state === "offline" ? `offline since ${one.lastSeen ?? ""}` : one.state,
    one.running ?? "-",
    one.wanted,
    one.certificateEnd === null ? "none" : new Date(one.certificateEnd).toISOString().slice(0, 10),
    String(one.changes),
  ]);
  const widths = head.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd();
  return `${[head, ...rows].map(line).join("\n")}\n`;
}
