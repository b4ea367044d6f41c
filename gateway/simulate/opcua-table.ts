import type { OpcuaSimulator, SimulatedVariable } from "../devices/opcua-simulator.ts";
import { DataType, makeEUInformation, nodesets, SIMULATOR_NAMESPACE } from "./opcua-server.ts";
import type { Namespace, ShownDevice, ShownMoment, UAObject } from "./opcua-server.ts";

/** A device of plain variables in a server that has no types but those of OPC-UA itself. */
export function shownTable({ model, folder, variables }: OpcuaSimulator): ShownDevice {
  return {
    model,
    nodesets: [nodesets.standard],
    build: (space) => {
      const namespace = space.registerNamespace(SIMULATOR_NAMESPACE);
      const made = namespace.addFolder(space.rootFolder.objects, { browseName: folder });
      const shows = variables.map((variable) => addVariable(namespace, made, variable));
      return (now) => {
        for (const show of shows) {
          show(now);
        }
      };
    },
  };
}

function addVariable(
  namespace: Namespace,
  folder: UAObject,
  { name, type, scale, value }: SimulatedVariable,
): (now: ShownMoment) => void {
  const common = {
    componentOf: folder,
    browseName: name,
    nodeId: `s=${folder.browseName.name ?? ""}.${name}`,
    dataType: type,
    minimumSamplingInterval: SAMPLING_MS,
  };
  const shown =
    scale === undefined
      ? namespace.addVariable(common)
      : namespace.addAnalogDataItem({
          ...common,
          engineeringUnits: unitOf(scale),
          engineeringUnitsRange: scale.range,
        });
  return ({ seconds, seed, status, isNoisy }) => {
    const found = value(seconds, seed);
    const jump = isNoisy && scale !== undefined ? scale.range.high * Math.random() : 0;
    const given = typeof found === "number" ? found + jump : found;
    shown.setValueFromSource({ dataType: DataType[type], value: given }, status);
  };
}

function unitOf({
  symbol,
  unitId,
}: NonNullable<SimulatedVariable["scale"]>): ReturnType<typeof makeEUInformation> {
  const unit = makeEUInformation(symbol, symbol, symbol);
  unit.unitId = unitId;
  return unit;
}

const SAMPLING_MS = 50;
