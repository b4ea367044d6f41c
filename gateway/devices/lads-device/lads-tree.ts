import type { DeviceOptions, OpcuaChoice, OpcuaNode, OpcuaPoint } from "../device.ts";
import { LADS_NAMESPACE } from "../lads-states.ts";
import { OPCUA_NAMESPACE } from "../opcua-place.ts";
import { ucumOf } from "../unece-units.ts";

/** Where LADS devices are (OPC 10000-100, DeviceSet). */
export const ROOT = "http://opcfoundation.org/UA/DI/;DeviceSet";
/** The code under which DeviceHealth is given. */
export const DEVICE_HEALTH = "LADS_DEVICE_HEALTH";

/** Whether there may be something to read below a node; see `OpcuaDiscovery.follows`. */
export function followsNode(
  node: OpcuaNode,
  above: readonly OpcuaNode[],
  options: DeviceOptions,
): boolean {
  switch (above.length) {
    case 0:
      return true;
    case 1:
      return isA(node, DEVICE) && isWanted(node, options["device"]);
    default:
      return isA(node, UNIT)
        ? isWanted(node, options["unit"])
        : isA(node, FUNCTION) || FOLLOWED.has(node.name);
  }
}

/** The points of the wanted device; see `OpcuaDiscovery.choose`. */
export function choosePoints(root: OpcuaNode, options: DeviceOptions): OpcuaChoice {
  const devices = root.children.filter(
    (node) => isA(node, DEVICE) && isWanted(node, options["device"]),
  );
  const [device] = devices;
  if (device === undefined || devices.length > 1) {
    const names = devices.map(({ name }) => name).join(", ");
    const why =
      devices.length > 1
        ? `the server has several LADS devices (${names}); name one in the option device`
        : "the server has no such LADS device";
    return { points: [], skipped: [why] };
  }
  const choice = new Choice();
  choice.state("LADS_DEVICE_STATE", childOf(device, "DeviceState"), "1");
  choice.plain(DEVICE_HEALTH, childOf(device, "DeviceHealth"), "1");
  const units = childOf(device, "FunctionalUnitSet")?.children.filter(
    (node) => isA(node, UNIT) && isWanted(node, options["unit"]),
  );
  for (const [place, unit] of byName(units ?? []).entries()) {
    addUnit(choice, unit, `1.${place + 1}`);
  }
  return choice;
}

function addUnit(choice: Choice, unit: OpcuaNode, path: string): void {
  const code = `LADS_${wordOf(unit.name)}`;
  const machine = childOf(unit, "FunctionalUnitState");
  choice.state(`${code}_STATE`, machine, path);
  choice.state(`${code}_RUNNING_STATE`, machine && childOf(machine, "RunningStateMachine"), path);
  addFunctions(choice, unit, { code, path });
}

interface Place {
  readonly code: string;
  readonly path: string;
}

/** Functions may have functions of their own. */
function addFunctions(choice: Choice, owner: OpcuaNode, { code, path }: Place): void {
  const functions = childOf(owner, "FunctionSet")?.children.filter((node) => isA(node, FUNCTION));
  for (const [place, node] of byName(functions ?? []).entries()) {
    const own = { code: `${code}_${wordOf(node.name)}`, path: `${path}.${place + 1}` };
    addFunction(choice, node, own);
    // Paths have four steps at most; the code tells the rest.
    const deeper = own.path.split(".").length < PATH_STEPS_MAX ? own.path : path;
    addFunctions(choice, node, { code: own.code, path: deeper });
  }
}

function addFunction(choice: Choice, node: OpcuaNode, { code, path }: Place): void {
  choice.value(code, childOf(node, "SensorValue"), path);
  choice.value(code, childOf(node, "CurrentValue"), path);
  choice.value(`${code}_TARGET`, childOf(node, "TargetValue"), path);
  choice.value(`${code}_TOTAL`, childOf(node, "TotalizedValue"), path);
  choice.state(code, childOf(node, "CoverState"), path);
  choice.state(`${code}_STATE`, childOf(node, "ControlFunctionState"), path);
}

/** The points that were found so far. */
class Choice implements OpcuaChoice {
  readonly points: OpcuaPoint[] = [];
  readonly skipped: string[] = [];
  readonly #codes = new Set<string>();

  /** The current state of a state machine, told by the node of the state. */
  state(code: string, machine: OpcuaNode | undefined, path: string): void {
    const current = machine && childOf(machine, "CurrentState");
    this.plain(code, current && childOf(current, "Id"), path);
  }

  /** A value: measured, with the unit that the server declares, or one of a few. */
  value(code: string, variable: OpcuaNode | undefined, path: string): void {
    if (variable === undefined) {
      return;
    }
    if (isA(variable, DISCRETE)) {
      this.#add(code, variable, { unit: "1", path });
    } else if (!isA(variable, ANALOG)) {
      this.skipped.push(`${code} is not read: it is neither a measured value nor one of a few`);
    } else if (variable.unitId === null) {
      this.skipped.push(`${code} is not read: the server does not say its unit`);
    } else {
      const unit = ucumOf(variable.unitId);
      if (unit === null) {
        const why = `the server gives it in unit ${variable.unitId}, which is not known here`;
        this.skipped.push(`${code} is not read: ${why}`);
      } else {
        this.#add(code, variable, { unit, path });
      }
    }
  }

  /** A value that has no unit. */
  plain(code: string, variable: OpcuaNode | undefined, path: string): void {
    if (variable !== undefined) {
      this.#add(code, variable, { unit: "1", path });
    }
  }

  #add(code: string, { node }: OpcuaNode, rest: Pick<OpcuaPoint, "unit" | "path">): void {
    if (this.#codes.has(code)) {
      this.skipped.push(
        `${code} is not read a second time: two names in the server differ too little`,
      );
    } else if (!CODE.test(code) || code.length > CODE_CHARACTERS_MAX) {
      this.skipped.push(`${code} is not read: its name in the server makes no code`);
    } else {
      this.#codes.add(code);
      this.points.push({ node, code, mdc: null, ...rest });
    }
  }
}

/** True for an instance of a type, or of one that is derived from it. */
function isA({ types }: OpcuaNode, type: string): boolean {
  return types.includes(type);
}

function isWanted({ name }: OpcuaNode, wanted: DeviceOptions[string] | undefined): boolean {
  const text = String(wanted ?? "*").trim();
  return text === "*" || text === name;
}

function childOf({ children }: OpcuaNode, name: string): OpcuaNode | undefined {
  return children.find((child) => child.name === name);
}

/** The order in which a server lists its nodes may change. */
function byName(nodes: readonly OpcuaNode[]): readonly OpcuaNode[] {
  return nodes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** A browse name as part of a code: "pH Sensor 1" gives PH_SENSOR_1. */
function wordOf(name: string): string {
  return name
    .normalize("NFKD")
    .replaceAll(/\p{Mark}/gu, "")
    .replaceAll(/([a-z0-9])([A-Z][a-z])/g, "$1_$2")
    .replaceAll(/[^A-Za-z0-9]+/g, "_")
    .replaceAll(/^_|_$/g, "")
    .toUpperCase();
}

const DEVICE = `nsu=${LADS_NAMESPACE};i=1002`;
const UNIT = `nsu=${LADS_NAMESPACE};i=1003`;
const FUNCTION = `nsu=${LADS_NAMESPACE};i=1004`;
/** BaseAnalogType and DiscreteItemType (OPC 10000-8). */
const ANALOG = `nsu=${OPCUA_NAMESPACE};i=15318`;
const DISCRETE = `nsu=${OPCUA_NAMESPACE};i=2372`;
/** Below which there are points, or properties of points. */
const FOLLOWED: ReadonlySet<string> = new Set([
  "FunctionalUnitSet",
  "FunctionSet",
  "DeviceState",
  "FunctionalUnitState",
  "RunningStateMachine",
  "ControlFunctionState",
  "CoverState",
  "CurrentState",
  "SensorValue",
  "CurrentValue",
  "TargetValue",
  "TotalizedValue",
]);
const CODE = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/;
const CODE_CHARACTERS_MAX = 128;
const PATH_STEPS_MAX = 4;
