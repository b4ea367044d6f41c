import type { ModbusDriver, RegisterBlock } from "../devices/device.ts";
import type { ScanProbe } from "../rooms.ts";

/** What one register (or bit) held; null where the device refused to give it. */
export interface ScannedRegister {
  readonly address: number;
  readonly value: number | null;
}

/**
 * A driver for one look at a range of registers: it reads each once and hands them over. The line finds out by itself which of them
 * the device refuses, and reads the rest.
 */
export function scanDriver(
  { function: code, address, count }: ScanProbe,
  found: (registers: readonly ScannedRegister[]) => void,
): ModbusDriver {
  const blocks: RegisterBlock[] = Array.from({ length: count }, (_, place) => ({
    function: code,
    address: address + place,
    count: 1,
  }));
  return {
    kind: "modbus",
    facts: {
      model: "register-scan",
      maker: "-",
      protocol: "Modbus",
      lines: ["modbus-tcp", "modbus-rtu", "modbus-ascii", "modbus-rtu+tcp"],
      evidence: "B",
      mode: "active",
      source: "MODBUS Application Protocol V1.1b3, 6.1-6.4",
      quietMs: QUIET_MS,
    },
    serial: { baud: 19_200, format: "8E1", flow: "none" },
    options: [],
    polls: () => [
      {
        everyMs: EVERY_MS,
        blocks,
        decode: (words) => {
          found(
            blocks.map((block, place) => ({
              address: block.address,
              value: words[place]?.[0] ?? null,
            })),
          );
          return [{ kind: "frame", readings: [], waves: [] }];
        },
      },
    ],
  };
}

const QUIET_MS = 15_000;
/** The first answer ends the look. */
const EVERY_MS = 60_000;
