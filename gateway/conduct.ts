/**
 * How devices behave, in counts: no value, no code, nothing of a patient. Bedside says it every few seconds, main passes it on, and the
 * keeper judges it (gateway/guard). Counts go up while a device is open, so that a report which is lost costs nothing.
 */
export interface Conduct {
  /** Of the bedside that counts. */
  readonly boot: string;
  /** Milliseconds that never jump, from any start. */
  readonly steadyMs: number;
  /** How often the gateway's clock was set in this run of bedside. */
  readonly clockSteps: number;
  /** False while the gateway's own time is not to be trusted. */
  readonly isClockGood: boolean;
  readonly devices: readonly DeviceConduct[];
}

/** How one device behaves. */
export interface DeviceConduct {
  readonly device: string;
  /** Key of its line. */
  readonly line: string;
  /** Another number each time it is opened: its counts begin anew. */
  readonly opened: number;
  /** 16 hex digits that change with what is asked of it. */
  readonly asked: string;
  /** True when it was on line all the time since the last report. */
  readonly isOnline: boolean;
  readonly frames: number;
  /** Readings and waveform blocks. */
  readonly items: number;
  /** Questions that it refused (Modbus exceptions). */
  readonly refused: number;
  /** Pieces of bytes given up. */
  readonly faults: number;
  /** How often its OPC-UA server showed another certificate than the trusted one. */
  readonly certificates: number;
  /** 16 hex digits of the SHA-256 of the serial number that it states, or null. */
  readonly identity: string | null;
  /** How far its clock was ahead of the gateway's since the last report, or null. */
  readonly clockLeadMs: number | null;
  /** Modbus units that answered in its place and that nobody reads. */
  readonly strangers: readonly number[];
}
