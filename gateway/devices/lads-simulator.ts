/** A simulated LADS device (OPC 30500-1): pure; an OPC-UA server shows what it gives. */
export interface LadsSimulator {
  readonly model: string;
  /** Name of the device in the server. */
  readonly device: string;
  readonly units: readonly LadsUnit[];
}

/** A functional unit. */
export interface LadsUnit {
  readonly name: string;
  readonly sensors: readonly LadsSensor[];
  readonly covers: readonly LadsCover[];
  readonly controls?: readonly LadsControl[];
  readonly switches?: readonly LadsSwitch[];
}

/** How a measured value is shown: UNECE unit id, its symbol, and the range of the sensor. */
export interface LadsScale {
  readonly unitId: number;
  readonly symbol: string;
  readonly range: { readonly low: number; readonly high: number };
}

/** A value at a moment (seconds since the device was switched on). */
export type LadsCourse<Value> = (seconds: number, seed: number) => Value;

/** An analog sensor function. */
export interface LadsSensor extends LadsScale {
  readonly name: string;
  readonly value: LadsCourse<number>;
}

/** An analog control function: what it wants, and what it has. */
export interface LadsControl extends LadsScale {
  readonly name: string;
  readonly target: number;
  readonly value: LadsCourse<number>;
}

/** A two-state discrete sensor function. */
export interface LadsSwitch {
  readonly name: string;
  readonly value: LadsCourse<boolean>;
}

/** A cover function: a door or a lid. */
export interface LadsCover {
  readonly name: string;
  readonly state: LadsCourse<"Opened" | "Closed">;
}
