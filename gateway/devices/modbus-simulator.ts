/**
 * A simulated Modbus device: pure, like the drivers. It knows no line and no clock; the same seed and the same times give the
 * same registers.
 */
export interface ModbusSimulator {
  readonly model: string;
  /** The unit it answers as. */
  readonly unit: number;
  /** Switches the device on. */
  open(options: { readonly seed: number }): SimulatedRegisters;
}

/** The registers that were asked for, or the Modbus exception code that refuses (2: no such register). */
export type SimulatedRegisters = (
  request: RegisterRequest,
  state: SimulatedState,
) => readonly number[] | number;

export interface RegisterRequest {
  readonly function: number;
  readonly address: number;
  readonly count: number;
}

export interface SimulatedState {
  /** Seconds since the device was switched on. */
  readonly seconds: number;
  /** The sensor is unplugged or broken. */
  readonly sensorOff: boolean;
}

/** Exception code of a request for registers that the device does not have. */
export const NO_SUCH_REGISTER = 2;
