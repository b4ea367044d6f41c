import { type BundleChange, valueText } from "./change.ts";
import type { Bundle } from "./content.ts";
import { diffFlows, type FieldLabel } from "./flow-diff.ts";
import { leafChanges } from "./leaf-changes.ts";

/** What of a bundle is compared. */
export type Comparable = Pick<Bundle, "flows" | "recipients" | "devices" | "roles" | "policy">;

/**
 * Everything that is different between two bundles, flows first, tab by tab. `labelOf` gives a field of a node the name that
 * the editor shows.
 */
export function diffBundles(
  before: Comparable,
  after: Comparable,
  labelOf: FieldLabel,
): readonly BundleChange[] {
  return [
    ...diffFlows(before.flows, after.flows, labelOf),
    ...diffNamed("device", before.devices, after.devices),
    ...diffNamed("recipient", recipientsOf(before), recipientsOf(after)),
    ...diffNamed("role", before.roles, after.roles),
    ...diffNamed("policy", { policy: before.policy }, { policy: after.policy }),
  ];
}

const LEAVES_MAX = 100;

function recipientsOf({ recipients }: Comparable): Readonly<Record<string, unknown>> {
  return Object.fromEntries(recipients.map(({ kid, spki }) => [kid, { spki }]));
}

function diffNamed(
  area: Exclude<BundleChange["area"], "flow">,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): BundleChange[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name): BundleChange[] => {
    const base = { area, where: "", what: `${AREAS[area]}${name}`, field: "" };
    if (!Object.hasOwn(before, name)) {
      return [{ ...base, kind: "added", before: "", after: "" }];
    }
    if (!Object.hasOwn(after, name)) {
      return [{ ...base, kind: "removed", before: "", after: "" }];
    }
    return leafChanges(before[name], after[name], LEAVES_MAX).map((leaf) => ({
      ...base,
      kind: "changed",
      field: leaf.path,
      before: valueText(leaf.before),
      after: valueText(leaf.after),
    }));
  });
}

const AREAS: Readonly<Record<Exclude<BundleChange["area"], "flow">, string>> = {
  device: "device description ",
  recipient: "recipient ",
  role: "role ",
  policy: "",
  runtime: "",
};

/** Nothing at all: what a first bundle is compared with. */
export const EMPTY: Comparable = { flows: [], recipients: [], devices: {}, roles: {}, policy: {} };
