/** A simulated device with an OPC-UA server that follows no companion specification: pure; a server shows what it gives. */
export interface OpcuaSimulator {
  readonly model: string;
  /** Name of the folder below Objects. */
  readonly folder: string;
  readonly variables: readonly SimulatedVariable[];
}

/** A variable, which is found by its name below the folder and by the node id `s=<folder>.<name>`. */
export interface SimulatedVariable {
  readonly name: string;
  readonly type: "Double" | "Float" | "Int32" | "UInt32" | "Boolean" | "String";
  /** For a measured value: UNECE unit id, its symbol and the range. */
  readonly scale?: {
    readonly unitId: number;
    readonly symbol: string;
    readonly range: { readonly low: number; readonly high: number };
  };
  /** The value at a moment (seconds since the device was switched on). */
  readonly value: (seconds: number, seed: number) => number | boolean | string;
}
