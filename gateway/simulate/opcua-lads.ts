import type { LadsScale, LadsSimulator, LadsUnit } from "../devices/lads-simulator.ts";
import { WardError } from "../errors.ts";
import {
  DataType,
  makeEUInformation,
  NodeClass,
  nodesets,
  promoteToStateMachine,
  Range,
  SIMULATOR_NAMESPACE,
} from "./opcua-server.ts";
import type {
  AddressSpace,
  BaseNode,
  ShownDevice,
  ShownMoment,
  UAObject,
  UAVariable,
} from "./opcua-server.ts";

/** A LADS device in a server, with the nodesets of the OPC Foundation (DI, AMB, IA, Machinery, LADS). */
export function shownLads(simulator: LadsSimulator): ShownDevice {
  return {
    model: simulator.model,
    nodesets: [
      nodesets.standard,
      nodesets.di,
      nodesets.amb,
      nodesets.ia,
      nodesets.machinery,
      nodesets.lads,
    ],
    build: (space) => {
      const tree = new LadsTree(space);
      const shows = tree.device(simulator);
      return (now) => {
        for (const show of shows) {
          show(now);
        }
      };
    },
  };
}

type Show = (now: ShownMoment) => void;

/** Makes instances of the LADS types. */
class LadsTree {
  readonly #space: AddressSpace;

  constructor(space: AddressSpace) {
    this.#space = space;
    space.registerNamespace(SIMULATOR_NAMESPACE);
  }

  device({ device: name, units }: LadsSimulator): readonly Show[] {
    const deviceSet = child(this.#space.rootFolder.objects, "DeviceSet");
    const device = this.#make("LADSDeviceType", name, deviceSet);
    promoteToStateMachine(child(device, "DeviceState")).setState("Operate");
    const set = child(device, "FunctionalUnitSet");
    return units.flatMap((unit) => this.#unit(unit, set));
  }

  #unit(unit: LadsUnit, set: UAObject): readonly Show[] {
    const made = this.#make("FunctionalUnitType", unit.name, set, ["FunctionSet"]);
    promoteToStateMachine(child(made, "FunctionalUnitState")).setState("Running");
    const functions = child(made, "FunctionSet");
    const sensors = unit.sensors.map(({ name, value, ...scale }) => {
      const sensor = this.#make("AnalogScalarSensorFunctionType", name, functions);
      return analog(measured(sensor, "SensorValue", scale), value, scale);
    });
    const controls = (unit.controls ?? []).map(({ name, target, value, ...scale }) => {
      const control = this.#make("AnalogControlFunctionType", name, functions);
      promoteToStateMachine(child(control, "ControlFunctionState")).setState("Running");
      const wanted = measured(control, "TargetValue", scale);
      const show = analog(measured(control, "CurrentValue", scale), value, scale);
      return (now: ShownMoment): void => {
        wanted.setValueFromSource({ dataType: DataType.Double, value: target }, now.status);
        show(now);
      };
    });
    const switches = (unit.switches ?? []).map(({ name, value }) => {
      const sensor = this.#make("TwoStateDiscreteSensorFunctionType", name, functions);
      const shown = variable(sensor, "SensorValue");
      return ({ seconds, seed, status }: ShownMoment): void => {
        const on = value(seconds, seed);
        shown.setValueFromSource({ dataType: DataType.Boolean, value: on }, status);
      };
    });
    const covers = unit.covers.map(({ name, state }) => {
      const cover = this.#make("CoverFunctionType", name, functions);
      const machine = promoteToStateMachine(child(cover, "CoverState"));
      return ({ seconds, seed }: ShownMoment): void => machine.setState(state(seconds, seed));
    });
    return [...sensors, ...controls, ...switches, ...covers];
  }

  #make(typeName: string, name: string, parent: UAObject, optionals: string[] = []): UAObject {
    const type = this.#space.findObjectType(typeName, this.#space.getNamespaceIndex(LADS));
    if (type === null) {
      throw new WardError("WARD_SIMULATE", `Cannot simulate: the nodeset has no ${typeName}.`);
    }
    return type.instantiate({
      browseName: { name, namespaceIndex: this.#space.getNamespaceIndex(SIMULATOR_NAMESPACE) },
      displayName: name,
      componentOf: parent,
      optionals,
    });
  }
}

/** A variable of a function, with unit and range. */
function measured(
  parent: UAObject,
  name: string,
  { unitId, symbol, range }: LadsScale,
): UAVariable {
  const shown = variable(parent, name);
  const unit = makeEUInformation(symbol, symbol, symbol);
  unit.unitId = unitId;
  const structure = DataType.ExtensionObject;
  variable(shown, "EngineeringUnits").setValueFromSource({ dataType: structure, value: unit });
  const value = new Range(range);
  variable(shown, "EURange").setValueFromSource({ dataType: structure, value });
  return shown;
}

function analog(
  shown: UAVariable,
  course: (seconds: number, seed: number) => number,
  { range }: LadsScale,
): Show {
  return ({ seconds, seed, status, isNoisy }) => {
    const value = course(seconds, seed) + (isNoisy ? range.high * Math.random() : 0);
    shown.setValueFromSource({ dataType: DataType.Double, value }, status);
  };
}

function child(parent: UAObject, name: string): UAObject {
  const found = parent.getChildByName(name) ?? parent.getFolderElementByName(name);
  if (!isObject(found)) {
    throw new WardError("WARD_SIMULATE", `Cannot simulate: the nodeset has no ${name}.`);
  }
  return found;
}

function variable(parent: BaseNode, name: string): UAVariable {
  const found = parent.getChildByName(name);
  if (!isVariable(found)) {
    throw new WardError("WARD_SIMULATE", `Cannot simulate: the nodeset has no ${name}.`);
  }
  return found;
}

function isObject(node: BaseNode | null): node is UAObject {
  return node?.nodeClass === NodeClass.Object;
}

function isVariable(node: BaseNode | null): node is UAVariable {
  return node?.nodeClass === NodeClass.Variable;
}

const LADS = "http://opcfoundation.org/UA/LADS/";
