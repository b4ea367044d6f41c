/** A simulated LADS device (OPC 30500-1): pure; an OPC-UA server shows what it gives. */
export interface LadsSimulator {
  readonly model: string;
  /** Names of the device and of its functional unit in the server. */
  readonly device: string;
  readonly unit: string;
  readonly sensors: readonly LadsSensor[];
  readonly covers: readonly LadsCover[];
}

/** An analog sensor function. */
export interface LadsSensor {
  readonly name: string;
  /** UNECE unit id, its symbol, and the range of the sensor. */
  readonly unitId: number;
  readonly symbol: string;
  readonly range: { readonly low: number; readonly high: number };
  /** The value at a moment (seconds since the device was switched on). */
  readonly value: (seconds: number, seed: number) => number;
}

/** A cover function: a door or a lid. */
export interface LadsCover {
  readonly name: string;
  readonly state: (seconds: number, seed: number) => "Opened" | "Closed";
}
