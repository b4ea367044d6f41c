import assert from "node:assert/strict";
import { test } from "node:test";

import { applyPlan } from "../../../provisioning/fleet/apply.ts";
import type { CloudDevice, CloudState, FleetCloud } from "../../../provisioning/fleet/cloud.ts";
import { parseInventory } from "../../../provisioning/fleet/inventory.ts";
import {
  planFleet,
  planText,
  type Plan,
  type PlanFacts,
} from "../../../provisioning/fleet/plan.ts";
import { fleetStatus, statusText } from "../../../provisioning/fleet/status.ts";
import { inventory, uuidOf } from "./ward.ts";

const NOW = Date.UTC(2026, 10, 27);
const OLD = { id: 1, commit: "aaaa", version: "0.1.0" };
const NEW = { id: 2, commit: "bbbb", version: "0.2.0" };
const FACTS: PlanFacts = {
  enrolled: new Set(["east-a", "east-b", "west-a"]),
  revoked: new Set(),
  sites: new Map(),
  bundleRoot: null,
  now: NOW,
};

/** A device as the inventory wants it. */
function device(letter: string, name: string, o: Partial<CloudDevice> = {}): CloudDevice {
  return {
    id: letter.charCodeAt(0),
    uuid: uuidOf(letter),
    name,
    isOnline: true,
    lastSeen: "2026-11-27T00:00:00Z",
    os: "balenaOS 8.0.2",
    running: OLD.id,
    pinned: OLD.id,
    variables: {},
    ...o,
  };
}

/** The fleet in order, with some devices otherwise. */
function fleet(
  o: { a?: Partial<CloudDevice>; b?: Partial<CloudDevice>; c?: Partial<CloudDevice> } = {},
): CloudState {
  return {
    tracksLatest: false,
    releases: [OLD, NEW],
    devices: [
      device("a", "east-a", { running: NEW.id, pinned: NEW.id, ...o.a }),
      device("b", "east-b", { variables: { WARD_KEEPALIVE_S: "10" }, ...o.b }),
      device("c", "west-a", o.c),
    ],
  };
}

function plan(
  state: CloudState,
  o: { facts?: Partial<PlanFacts>; rings?: Record<string, string> } = {},
): Plan {
  const ward = inventory();
  Object.assign(ward.rings, o.rings);
  return planFleet(parseInventory(ward), state, { ...FACTS, ...o.facts });
}

test("a fleet that is as it should be needs nothing", () => {
  const nothing = plan(fleet());
  assert.deepEqual(nothing, { changes: [], waiting: [], problems: [], remarks: [] });
  assert.equal(planText(nothing), "Nothing to change.\n");
});

test("the plan is a difference that people can read", () => {
  const state = fleet({
    a: { name: "solitary-cloud", variables: { WARD_OLD: "secret", OTHER: "theirs" } },
    b: { variables: { WARD_KEEPALIVE_S: "15" }, pinned: null },
  });
  const facts = { enrolled: new Set(["east-b", "west-a"]), sites: new Map([["west-a", "AAAA"]]) };
  assert.equal(
    planText(plan(state, { facts })),
    `east-a
  ~ name     solitary-cloud -> east-a
  - WARD_OLD
  + WARD_CLAIM = a new claim: it has no certificate

east-b
  ~ WARD_KEEPALIVE_S   15 -> 10
  ~ release  not pinned -> 0.1.0

west-a
  + WARD_SITE = sha256 63c1dd951ffe

6 changes for 3 gateways.
`,
  );
});

test("signed settings and the root for bundles are brought, and taken away when they are wanted no more", () => {
  const sites = new Map([["west-a", "AAAA"]]);
  const names = (state: CloudState, facts: Partial<PlanFacts>): string[] =>
    plan(state, { facts }).changes.map((change) =>
      change.kind === "set" || change.kind === "remove" ? `${change.kind} ${change.name}` : "",
    );
  const wanted = { sites, bundleRoot: "e30=" };
  const roots = ["set WARD_BUNDLE_ROOT", "set WARD_BUNDLE_ROOT"];
  assert.deepEqual(names(fleet(), wanted), [...roots, "set WARD_SITE", "set WARD_BUNDLE_ROOT"]);
  const there = fleet({ c: { variables: { WARD_SITE: "AAAA", WARD_BUNDLE_ROOT: "e30=" } } });
  assert.deepEqual(names(there, wanted), roots);
  assert.deepEqual(names(there, {}), ["remove WARD_SITE", "remove WARD_BUNDLE_ROOT"]);
});

test("a release moves from ring to ring, when all of the ring before run it and are there", () => {
  const rings = { ward: "0.2.0", house: "0.2.0" };
  const pins = (state: CloudState): string[] =>
    plan(state, { rings }).changes.map(({ kind, gateway }) => `${kind} ${gateway}`);
  const late = plan(fleet({ a: { running: OLD.id } }), { rings });
  assert.deepEqual(late.changes, []);
  assert.deepEqual(late.waiting, [
    "ring ward waits with 0.2.0: 1 of ring canary do not run it yet (east-a).",
    "ring house waits with 0.2.0: 1 of ring ward do not run it yet (east-b).",
  ]);
  assert.match(
    plan(fleet({ a: { isOnline: false } }), { rings }).waiting[0] ?? "",
    /east-a \(off line\)/,
  );
  assert.deepEqual(pins(fleet()), ["pin east-b"]);
  assert.deepEqual(
    pins(fleet({ b: { pinned: NEW.id, variables: { WARD_KEEPALIVE_S: "10" } } })),
    [],
  );
  const ran = { pinned: NEW.id, running: NEW.id, variables: { WARD_KEEPALIVE_S: "10" } };
  assert.deepEqual(pins(fleet({ b: ran })), ["pin west-a"]);
});

test("going back waits for nobody", () => {
  const state = fleet({
    a: { isOnline: false },
    b: { pinned: NEW.id, variables: { WARD_KEEPALIVE_S: "10" } },
  });
  const { changes } = plan(state, { rings: { canary: "0.1.0" } });
  assert.deepEqual(
    changes.map(({ kind, gateway }) => `${kind} ${gateway}`),
    ["pin east-a"],
  );
});

test("claims are made for who has no certificate, once, and again when they have ended", () => {
  const claim = (o: object): string => JSON.stringify({ gateway: "east-a", token: "t", ...o });
  const kinds = (text: string | null, facts: Partial<PlanFacts> = {}): string[] => {
    const variables: Record<string, string> = text === null ? {} : { WARD_CLAIM: text };
    const enrolled = new Set(["east-b", "west-a"]);
    return plan(fleet({ a: { variables } }), { facts: { enrolled, ...facts } }).changes.map(
      ({ kind }) => kind,
    );
  };
  assert.deepEqual(kinds(null), ["claim"]);
  assert.deepEqual(kinds(claim({ expiresAt: NOW + 1 })), []);
  assert.deepEqual(kinds(claim({ expiresAt: NOW - 1 })), ["claim"]);
  assert.deepEqual(kinds(claim({ gateway: "east-b" })), ["claim"]);
  assert.deepEqual(kinds("damaged"), ["claim"]);
  assert.deepEqual(kinds(null, { revoked: new Set(["east-a"]) }), []);
});

test("what people have to put right first stops everything", async () => {
  const state = fleet();
  const broken = plan(
    { ...state, devices: state.devices.slice(1), tracksLatest: true },
    { rings: { house: "9.9.9" }, facts: { revoked: new Set(["west-a"]) } },
  );
  assert.match(
    broken.problems[0] ?? "",
    /^east-a: the fleet hospital\/gateways has no device a{32}; flash it/,
  );
  assert.match(
    broken.problems[1] ?? "",
    /^ring house: the fleet has no finished release 9\.9\.9; push it/,
  );
  assert.match(broken.remarks.join("\n"), /west-a is revoked[^]*tracks its latest release/);
  const cloud = new Recorder();
  await assert.rejects(
    applyPlan(broken, { cloud, claim: async () => "x", onDone: () => undefined }),
    {
      code: "WARD_FLEET_PROBLEMS",
    },
  );
  assert.deepEqual(cloud.calls, []);
  assert.match(planText(broken), /2 problems: nothing can be applied\.\n$/);
});

test("a version that two releases have is not guessed", () => {
  const { problems } = plan({ ...fleet(), releases: [OLD, NEW, { ...NEW, id: 3 }] });
  assert.match(problems[0] ?? "", /2 releases 0\.2\.0; name one with its revision/);
});

test("pins come last, and a change that fails leaves the rest for the next plan", async () => {
  const state = fleet({ b: { pinned: null }, c: { name: "x", variables: { WARD_OLD: "1" } } });
  const wanted = plan(state, { facts: { enrolled: new Set(["east-a", "east-b"]) } });
  const cloud = new Recorder();
  const done: string[] = [];
  const options = {
    cloud,
    claim: async (id: string) => `claim of ${id}`,
    onDone: () => void done.push(""),
  };
  await applyPlan(wanted, options);
  assert.deepEqual(cloud.calls, [
    "rename 99 west-a",
    "remove 99 WARD_OLD",
    "set 99 WARD_CLAIM=claim of west-a",
    "pin 98 1",
  ]);
  assert.equal(done.length, wanted.changes.length);
  cloud.calls.length = 0;
  cloud.fails = "remove";
  await assert.rejects(applyPlan(wanted, options), /no line/);
  assert.deepEqual(cloud.calls, ["rename 99 west-a"]);
});

test("the status has a line for every gateway of the inventory", () => {
  const state = fleet({
    b: { isOnline: false },
    c: { isOnline: false, lastSeen: null, running: 77 },
  });
  const states = fleetStatus(
    parseInventory(inventory()),
    { ...state, devices: state.devices.slice(0, 3) },
    {
      plan: plan(state),
      certificateEnds: new Map([["east-a", NOW]]),
    },
  );
  assert.deepEqual(
    states.map((one) => one.state),
    ["online", "offline", "never seen"],
  );
  const text = statusText(states);
  assert.match(
    text,
    /^gateway  ward    ring    state +runs +is to run  certificate until  changes\n/,
  );
  assert.match(text, /\neast-a   3 East  canary  online +0\.2\.0 +0\.2\.0 +2026-11-27 +0\n/);
  assert.match(text, /\nwest-a   4 West  house   never seen +an unknown release  0\.1\.0 +none /);
});

/** A cloud that only writes down. */
class Recorder implements FleetCloud {
  readonly calls: string[] = [];
  fails = "";

  state(): Promise<CloudState> {
    return Promise.resolve(fleet());
  }

  setVariable(id: number, { name, value }: { name: string; value: string }): Promise<void> {
    return this.#called("set", id, `${name}=${value}`);
  }

  removeVariable(id: number, name: string): Promise<void> {
    return this.#called("remove", id, name);
  }

  pin(id: number, release: number): Promise<void> {
    return this.#called("pin", id, String(release));
  }

  rename(id: number, name: string): Promise<void> {
    return this.#called("rename", id, name);
  }

  async #called(what: string, id: number, more: string): Promise<void> {
    if (what === this.fails) {
      throw new Error("no line");
    }
    this.calls.push(`${what} ${id} ${more}`);
  }
}
