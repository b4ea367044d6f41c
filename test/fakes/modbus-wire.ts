import { ModbusBus } from "../../gateway/lines/modbus-bus.ts";
import { SerialLink } from "../../gateway/lines/modbus-serial-link.ts";
import { timingOf } from "../../gateway/lines/modbus-timing.ts";
import type { Wire } from "../../gateway/lines/modbus-wire.ts";
import type { BusTiming } from "../../gateway/lines/modbus.ts";
import { ModbusMaster } from "../../gateway/lines/modbus.ts";
import { ModbusSlave } from "../../gateway/simulate/modbus-slave.ts";
import type { SigningSlave } from "./modbus-bus.ts";

/** What went over a memory bus, and when (performance.now()). */
export interface SeenBytes {
  readonly at: number;
  readonly from: "master" | "slave";
  readonly bytes: number;
}

export interface MemoryBus {
  readonly line: ModbusBus;
  readonly seen: readonly SeenBytes[];
  /** How often the port was opened. */
  opened(): number;
  close(): Promise<void>;
}

export interface MemoryBusOptions {
  readonly framing: "rtu" | "ascii";
  readonly baud: number;
  readonly timing: BusTiming;
}

/** A serial bus whose bytes go by function calls: many of them run at once. Late bytes survive closing the port, as on a real one. */
export function openMemoryBus(
  slave: SigningSlave,
  { framing, baud, timing }: MemoryBusOptions,
): MemoryBus {
  const seen: SeenBytes[] = [];
  let open: Wire | null = null;
  let opened = 0;
  const peer = new ModbusSlave(
    {
      framing,
      answer: (request) => slave.answer(request),
      deliver: (frame) => slave.deliver(frame, framing),
    },
    (bytes) =>
      setImmediate(() => {
        seen.push({ at: performance.now(), from: "slave", bytes: bytes.length });
        open?.onBytes(bytes);
      }),
  );
  const openWire = (): Promise<Wire> => {
    opened += 1;
    const wire: Wire = {
      onBytes: () => undefined,
      onEnd: () => undefined,
      write: (bytes) => {
        seen.push({ at: performance.now(), from: "master", bytes: bytes.length });
        peer.push(bytes);
      },
      close: async () => {
        open = open === wire ? null : open;
      },
    };
    open = wire;
    return Promise.resolve(wire);
  };
  const scheme = framing === "rtu" ? "modbus-rtu" : "modbus-ascii";
  const place = { scheme, path: "/dev/none", serial: {} } as const;
  const wireTiming = timingOf(place, { baud, format: "8E1", flow: "none" });
  const line = new ModbusBus({
    line: place,
    unitBackoffMs: timing.unitBackoffMs,
    makeLink: () =>
      new SerialLink({
        openWire,
        timing: wireTiming,
        makeMaster: (wire, kind) => new ModbusMaster(wire, kind),
        replyMs: timing.replyMs,
        quietMs: timing.quietMs,
      }),
  });
  return {
    line,
    seen,
    opened: () => opened,
    close: async () => {
      await line.close();
      peer.end();
    },
  };
}
