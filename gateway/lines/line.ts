import type { BadBytes, DeviceOptions, Driver, Frame, LineState } from "../devices/device.ts";

/**
 * The contract between bedside and a line. A line is one physical or logical connection (a serial port, a Modbus bus, an
 * OPC-UA server) that one or more devices hang on. It owns connecting, retrying with back-off and jitter, and noticing
 * silence; it never throws at its users, it tells.
 */

/** One device on a line. */
export interface DeviceSpec {
  readonly device: string;
  readonly driver: Driver;
  /** Modbus unit 1-247 (0-255 on TCP), else null. */
  readonly unit: number | null;
  readonly options: DeviceOptions;
}

/** Where a line puts what it learns about one device. `at` is epoch milliseconds at arrival. */
export interface DeviceSink {
  frame(frame: Frame, at: number): void;
  fault(fault: BadBytes, at: number): void;
  /** `text` is plain words for the engineer: "no bytes since 10:32: check cable and device menu". */
  state(state: LineState, text: string, at: number): void;
  identity(serial: string, at: number): void;
  /** The device answered so many questions by refusing them. */
  refused?(count: number): void;
}

export interface Line {
  /** Adds a device; returns the act that removes it. Opens the line at the first device, closes it after the last. */
  attach(spec: DeviceSpec, sink: DeviceSink): () => void;
  /** Ends everything this line started; resolves within 2 seconds whatever the peer does. */
  close(): Promise<void>;
}
