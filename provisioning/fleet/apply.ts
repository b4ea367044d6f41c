import type { FleetCloud } from "./cloud.ts";
import { CLAIM_VARIABLE, type Change, type Plan } from "./plan.ts";
import { WardError } from "../../gateway/errors.ts";

export interface ApplyOptions {
  readonly cloud: FleetCloud;
  /** Makes the text of a gateway's new claim; the one before is worthless from then on. */
  readonly claim: (gateway: string) => Promise<string>;
  /** Told after each change. */
  readonly onDone: (change: Change) => void;
}

/**
 * Makes what was planned, a change at a time; pins come last, so that a gateway which restarts for its new release finds its
 * variables. What fails ends it: the next plan holds what is left. Throws WardError `WARD_FLEET_PROBLEMS` before the first change.
 */
export async function applyPlan({ changes, problems }: Plan, o: ApplyOptions): Promise<void> {
  if (problems.length > 0) {
    throw new WardError("WARD_FLEET_PROBLEMS", `Cannot apply the plan: ${problems.join(" ")}`);
  }
  const isPin = (change: Change): boolean => change.kind === "pin";
  const ordered = [...changes.filter((change) => !isPin(change)), ...changes.filter(isPin)];
  for (const change of ordered) {
    await applyChange(change, o);
    o.onDone(change);
  }
}

async function applyChange(change: Change, { cloud, claim }: ApplyOptions): Promise<void> {
  const { device, gateway } = change;
  switch (change.kind) {
    case "rename":
      return cloud.rename(device, change.to);
    case "set":
      return cloud.setVariable(device, { name: change.name, value: change.to });
    case "remove":
      return cloud.removeVariable(device, change.name);
    case "claim":
      return cloud.setVariable(device, { name: CLAIM_VARIABLE, value: await claim(gateway) });
    case "pin":
      return cloud.pin(device, change.release);
  }
}
