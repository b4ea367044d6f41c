import { createHash } from "node:crypto";

import { parseClaim } from "../../gateway/enrolment/claim-file.ts";
import type { CloudDevice, CloudRelease, CloudState } from "./cloud.ts";
import type { Inventory, InventoryGateway, Ring } from "./inventory.ts";

/** One thing that is to change. */
export type Change = { readonly gateway: string; readonly device: number } & (
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  | {
      readonly kind: "set";
      readonly name: string;
      readonly from: string | null;
      readonly to: string;
    }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "claim"; readonly why: string }
  | {
      readonly kind: "pin";
      readonly release: number;
      readonly from: string | null;
      readonly to: string;
    }
);

export interface Plan {
  readonly changes: readonly Change[];
  /** What waits for something else, and is planned by itself when that has come. */
  readonly waiting: readonly string[];
  /** What has to be put right by people first. Nothing is applied while there is any. */
  readonly problems: readonly string[];
  /** What is odd, and stops nothing. */
  readonly remarks: readonly string[];
}

/** What is known beside the cloud. */
export interface PlanFacts {
  /** Gateways that have a certificate which counts. */
  readonly enrolled: ReadonlySet<string>;
  /** Gateways whose certificates were all revoked: they get a claim only by `rotate`. */
  readonly revoked: ReadonlySet<string>;
  /** Signed settings of each gateway that names some, base64. */
  readonly sites: ReadonlyMap<string, string>;
  /** The root of trust for bundles, base64, or null. */
  readonly bundleRoot: string | null;
  /** Epoch milliseconds. */
  readonly now: number;
}

export const CLAIM_VARIABLE = "WARD_CLAIM";
const SITE_VARIABLE = "WARD_SITE";
const BUNDLE_ROOT_VARIABLE = "WARD_BUNDLE_ROOT";

/** Compares what is to be with what is. Pure; the same state gives the same plan, and a plan that was applied gives none. */
export function planFleet(inventory: Inventory, cloud: CloudState, facts: PlanFacts): Plan {
  const problems: string[] = [];
  const waiting: string[] = [];
  const devices = new Map(cloud.devices.map((device) => [device.uuid, device]));
  const known: [InventoryGateway, CloudDevice][] = [];
  for (const gateway of inventory.gateways) {
    const device = devices.get(gateway.uuid);
    if (device === undefined) {
      problems.push(
        `${gateway.id}: the fleet ${inventory.fleet} has no device ${gateway.uuid}; flash it with this fleet's image and let it come on line once, or correct its uuid.`,
      );
    } else {
      known.push([gateway, device]);
    }
  }
  const changes = known.flatMap(([gateway, device]): Change[] => [
    ...nameChanges(gateway, device),
    ...variableChanges(gateway, device, facts),
    ...claimChanges(gateway, device, facts),
  ]);
  const versions = new Map(cloud.releases.map((release) => [release.id, release.version]));
  inventory.rings.forEach((ring, at) => {
    const release = releaseOf(ring, cloud.releases);
    if (typeof release === "string") {
      problems.push(`ring ${ring.name}: ${release}`);
      return;
    }
    const pins = known
      .filter(([gateway, device]) => gateway.ring === ring.name && device.pinned !== release.id)
      .map(([gateway, device]) => pinChange({ gateway, device, release, versions }));
    const why = pins.length === 0 ? null : heldBy(inventory.rings[at - 1], release, known);
    if (why === null) {
      changes.push(...pins);
    } else {
      waiting.push(`ring ${ring.name} waits with ${release.version}: ${why}`);
    }
  });
  return { changes, waiting, problems, remarks: remarksOf(inventory, cloud, facts) };
}

function nameChanges({ id }: InventoryGateway, device: CloudDevice): Change[] {
  const { name: from } = device;
  return from === id ? [] : [{ kind: "rename", gateway: id, device: device.id, from, to: id }];
}

function variableChanges(
  { id, variables }: InventoryGateway,
  device: CloudDevice,
  { sites, bundleRoot }: PlanFacts,
): Change[] {
  const brought = [
    [SITE_VARIABLE, sites.get(id) ?? null],
    [BUNDLE_ROOT_VARIABLE, bundleRoot],
  ] as const;
  const wanted = new Map(Object.entries(variables));
  brought.forEach(([name, value]) => value !== null && wanted.set(name, value));
  const there = new Map(Object.entries(device.variables));
  const place = { gateway: id, device: device.id };
  const set = [...wanted]
    .filter(([name, to]) => there.get(name) !== to)
    .map(([name, to]): Change => ({
      kind: "set",
      ...place,
      name,
      from: there.get(name) ?? null,
      to,
    }));
  // Only ours are looked after: what others set on the device is theirs. Claims come and go by themselves.
  const removed = [...there.keys()]
    .filter((name) => name.startsWith("WARD_") && !wanted.has(name) && name !== CLAIM_VARIABLE)
    .map((name): Change => ({ kind: "remove", ...place, name }));
  return [...set, ...removed];
}

function claimChanges(
  { id }: InventoryGateway,
  device: CloudDevice,
  { enrolled, revoked, now }: PlanFacts,
): Change[] {
  const text = device.variables[CLAIM_VARIABLE];
  const why =
    enrolled.has(id) || revoked.has(id)
      ? null
      : text === undefined
        ? "it has no certificate"
        : staleness(text, id, now);
  return why === null ? [] : [{ kind: "claim", gateway: id, device: device.id, why }];
}

function staleness(text: string, gateway: string, now: number): string | null {
  try {
    const claim = parseClaim(text);
    if (claim.gateway !== gateway) {
      return "its claim is another gateway's";
    }
    return (claim.expiresAt ?? Infinity) < now ? "its claim has expired" : null;
  } catch {
    return "its claim is damaged";
  }
}

function releaseOf(ring: Ring, releases: readonly CloudRelease[]): CloudRelease | string {
  const found = releases.filter(({ version }) => version === ring.release);
  const [release] = found;
  if (release === undefined) {
    return `the fleet has no finished release ${ring.release}; push it, or name another one.`;
  }
  return found.length === 1
    ? release
    : `the fleet has ${found.length} releases ${ring.release}; name one with its revision, as ${ring.release}+rev1.`;
}

function pinChange(o: {
  readonly gateway: InventoryGateway;
  readonly device: CloudDevice;
  readonly release: CloudRelease;
  readonly versions: ReadonlyMap<number, string>;
}): Change {
  const { pinned } = o.device;
  return {
    kind: "pin",
    gateway: o.gateway.id,
    device: o.device.id,
    release: o.release.id,
    from:
      pinned === null ? null : (o.versions.get(pinned) ?? "a release that is not usable any more"),
    to: o.release.version,
  };
}

/** A release moves on to the next ring when every gateway of the ring before runs it and is there. */
function heldBy(
  before: Ring | undefined,
  release: CloudRelease,
  known: readonly (readonly [InventoryGateway, CloudDevice])[],
): string | null {
  // A ring before that is ahead has had this release already.
  if (before === undefined || before.release !== release.version) {
    return null;
  }
  const late = known.filter(
    ([gateway, device]) =>
      gateway.ring === before.name && (device.running !== release.id || !device.isOnline),
  );
  const names = late
    .slice(0, NAMES_MAX)
    .map(([{ id }, { isOnline }]) => (isOnline ? id : `${id} (off line)`));
  return late.length === 0
    ? null
    : `${late.length} of ring ${before.name} do not run it yet (${names.join(", ")}).`;
}

function remarksOf(
  inventory: Inventory,
  { devices, tracksLatest }: CloudState,
  { revoked }: PlanFacts,
): string[] {
  const out = inventory.gateways.filter(({ id }) => revoked.has(id));
  const ours = new Set(inventory.gateways.map(({ uuid }) => uuid));
  const strangers = devices.filter(({ uuid }) => !ours.has(uuid));
  return [
    ...out.map(
      ({ id }) => `${id} is revoked: take it out of the inventory, or let it in again with rotate.`,
    ),
    ...strangers.map(
      ({ name, uuid }) =>
        `The fleet has a device that the inventory does not know: ${name} (${uuid}).`,
    ),
    ...(tracksLatest
      ? [
          "The fleet tracks its latest release: a device that is not pinned yet takes whatever is pushed. Pin the fleet.",
        ]
      : []),
  ];
}

const NAMES_MAX = 5;

/** The plan as people read it: a line for each change, secrets and long values by their hash. */
export function planText({ changes, waiting, problems, remarks }: Plan): string {
  const gateways = Map.groupBy(changes, ({ gateway }) => gateway);
  const blocks = [...gateways].map(([gateway, some]) =>
    [gateway, ...some.map(changeText)].join("\n"),
  );
  const listed = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [[title, ...lines.map((line) => `  ${line}`)].join("\n")];
  const summary =
    problems.length > 0
      ? `${problems.length} problems: nothing can be applied.`
      : changes.length === 0
        ? "Nothing to change."
        : `${changes.length} changes for ${gateways.size} gateways.`;
  return `${[
    ...blocks,
    ...listed("Waiting:", waiting),
    ...listed("Remarks:", remarks),
    ...listed("Problems:", problems),
    summary,
  ].join("\n\n")}\n`;
}

function changeText(change: Change): string {
  switch (change.kind) {
    case "rename":
      return `  ~ name     ${change.from} -> ${change.to}`;
    case "set":
      return change.from === null
        ? `  + ${change.name} = ${shownValue(change.name, change.to)}`
        : `  ~ ${change.name}   ${shownValue(change.name, change.from)} -> ${shownValue(change.name, change.to)}`;
    case "remove":
      return `  - ${change.name}`;
    case "claim":
      return `  + ${CLAIM_VARIABLE} = a new claim: ${change.why}`;
    case "pin":
      return `  ~ release  ${change.from ?? "not pinned"} -> ${change.to}`;
  }
}

/** Settings of the table are shown; what is signed or unknown only by its hash. */
function shownValue(name: string, value: string): string {
  const hash = createHash("sha256").update(value).digest("hex").slice(0, 12);
  return [SITE_VARIABLE, BUNDLE_ROOT_VARIABLE].includes(name) || value.length > VALUE_SHOWN_MAX
    ? `sha256 ${hash}`
    : value;
}

const VALUE_SHOWN_MAX = 60;
