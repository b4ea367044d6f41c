import type { LineScheme, SimulatedFault } from "../devices/device.ts";

/**
 * Simulated devices that speak the real protocol over a real line of this machine, for the demo, for tests and for people who
 * want to try the gateway without a device. Everything listens on the loopback only.
 */
export interface SimulatedDevice {
  readonly model: string;
  /** The line URL to read this device from; when it was asked for port 0, with the real port. */
  readonly url: string;
  /** The Modbus unit to read, or null. */
  readonly unit: number | null;
  /** PEM file of the server certificate that the gateway has to trust; only for OPC-UA. */
  readonly trust?: string;
  /** Switches one fault on or off, at any time. */
  setFault(name: SimulatedFault, on: boolean): void;
  /** Ends everything this device started; resolves within 2 seconds. */
  close(): Promise<void>;
}

/** How a simulated device is wanted. */
export interface SimulateRequest {
  /**
   * "pty" (a pseudo terminal that `script` makes), a scheme (any free port or path), or a URL such as
   * `tcp://127.0.0.1:0` or `unix:/tmp/x.sock`.
   */
  readonly line: string;
  /** Same seed, same physiology. */
  readonly seed: number;
  /** Directory for what a simulator has to keep (certificates of an OPC-UA server). @default a temporary one */
  readonly directory?: string;
}

/** A model that can be simulated. */
export interface Simulator {
  readonly model: string;
  /** Kinds of line it can be simulated on; the first is the default. */
  readonly lines: readonly (LineScheme | "pty")[];
  start(request: SimulateRequest): Promise<SimulatedDevice>;
}
