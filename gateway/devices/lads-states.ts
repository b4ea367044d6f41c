/** What the state machines of LADS (OPC 30500-1) can be in, by the node that CurrentState/Id names: ids of the nodeset 1.0.0 of 2023-11-30. */
export const LADS_NAMESPACE = "http://opcfoundation.org/UA/LADS/";

/** The state of a CoverStateMachineType, a FunctionalStateMachineType, a RunningStateMachineType or a LADSDeviceStateMachineType. */
export function ladsState(node: string): string | null {
  return node.startsWith(PREFIX) ? (STATES.get(Number(node.slice(PREFIX.length))) ?? null) : null;
}

const PREFIX = `nsu=${LADS_NAMESPACE};i=`;
const STATES: ReadonlyMap<number, string> = new Map([
  // CoverStateMachineType
  [5025, "open"],
  [5028, "closed"],
  [5049, "locked"],
  [5050, "error"],
  [5107, "unlocking"],
  [5108, "locking"],
  [5109, "opening"],
  [5110, "closing"],
  // LADSDeviceStateMachineType
  [5177, "initialization"],
  [5178, "operate"],
  [5180, "shutdown"],
  [5259, "sleep"],
  // FunctionalStateMachineType
  [5085, "stopped"],
  [5099, "running"],
  [5100, "stopping"],
  [5143, "clearing"],
  [5159, "aborting"],
  [5160, "aborted"],
  // RunningStateMachineType
  [5117, "starting"],
  [5118, "suspending"],
  [5119, "resetting"],
  [5120, "idle"],
  [5121, "suspended"],
  [5122, "unsuspending"],
  [5123, "holding"],
  [5124, "held"],
  [5125, "unholding"],
  [5127, "completing"],
  [5128, "complete"],
  [5168, "execute"],
]);
