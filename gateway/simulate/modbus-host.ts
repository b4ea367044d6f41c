import { once } from "node:events";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";

import type { LineScheme, SimulatedFault } from "../devices/device.ts";
import type { ModbusSimulator, SimulatedRegisters } from "../devices/modbus-simulator.ts";
import { WardError } from "../errors.ts";
import type { Framing } from "../lines/modbus-frames.ts";
import type { SimulatedDevice, SimulateRequest, Simulator } from "./host.ts";
import { answerRegisters, ModbusSlave } from "./modbus-slave.ts";
import type { SlaveBytes } from "./modbus-slave.ts";
import { openPty } from "./pty.ts";

/** Makes a pure Modbus simulator start-able on real lines. */
export function modbusSimulator(simulator: ModbusSimulator): Simulator {
  return {
    model: simulator.model,
    lines: LINES,
    start: async ({ line, seed }: SimulateRequest) => {
      const place = parsePlace(line);
      const device = new ModbusDevice(simulator, seed);
      return place.scheme === "pty" ? onPty(device, place.framing) : onTcp(device, place);
    },
  };
}

/** The device behind all its connections. */
class ModbusDevice {
  readonly model: string;
  readonly unit: number;
  readonly #registers: SimulatedRegisters;
  readonly #faults = new Set<SimulatedFault>();
  #startedAt = performance.now();
  /** A device that restarts is dead until then (performance.now()). */
  #deadUntil = 0;
  /** Called when the device restarts: connections end. */
  onRestart: () => void = () => undefined;

  constructor(simulator: ModbusSimulator, seed: number) {
    this.model = simulator.model;
    this.unit = simulator.unit;
    this.#registers = simulator.open({ seed });
  }

  setFault(name: SimulatedFault, on: boolean): void {
    if (name !== "restart") {
      this.#faults[on ? "add" : "delete"](name);
    } else if (on) {
      this.#startedAt = performance.now() + RESTART_MS;
      this.#deadUntil = this.#startedAt;
      this.onRestart();
    }
  }

  get isDead(): boolean {
    return performance.now() < this.#deadUntil;
  }

  slave(framing: Framing, write: (bytes: Uint8Array) => void): ModbusSlave {
    return new ModbusSlave(
      {
        framing,
        answer: (request) => this.#answer(request),
        deliver: (frame) => this.#deliver(frame, framing),
      },
      write,
    );
  }

  #answer(request: Uint8Array): Uint8Array | null {
    if (this.isDead || this.#faults.has("silence")) {
      return null;
    }
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const state = { seconds, sensorOff: this.#faults.has("sensor-off") };
    return answerRegisters(request, this.unit, (code, address, count) =>
      this.#registers({ function: code, address, count }, state),
    );
  }

  #deliver(frame: Buffer, framing: Framing): readonly SlaveBytes[] {
    if (this.#faults.has("checksum")) {
      return [{ afterMs: 0, bytes: spoilt(frame, framing) }];
    }
    const noise = Buffer.from(NOISE);
    return this.#faults.has("noise")
      ? [{ afterMs: 0, bytes: Buffer.concat([noise, frame]) }]
      : [{ afterMs: 0, bytes: frame }];
  }
}

/** A wrong checksum; Modbus TCP has none, so there the reply ends early instead. */
function spoilt(frame: Buffer, framing: Framing): Buffer {
  if (framing === "tcp") {
    return frame.subarray(0, -1);
  }
  const changed = Buffer.from(frame);
  const place = framing === "ascii" ? changed.length - 4 : changed.length - 1;
  changed[place] = framing === "ascii" ? flipHex(changed[place]) : (changed[place] ?? 0) ^ 0xff;
  return changed;
}

function flipHex(digit: number | undefined): number {
  return digit === ZERO ? ZERO + 1 : ZERO;
}

async function onPty(device: ModbusDevice, framing: "rtu" | "ascii"): Promise<SimulatedDevice> {
  const pty = await openPty((bytes) => slave.push(bytes));
  const slave = device.slave(framing, (bytes) => pty.send(bytes));
  return {
    model: device.model,
    url: `modbus-${framing}:${pty.path}`,
    unit: device.unit,
    setFault: (name, on) => device.setFault(name, on),
    close: async () => {
      slave.end();
      await pty.close();
    },
  };
}

async function onTcp(device: ModbusDevice, place: TcpPlace): Promise<SimulatedDevice> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    if (device.isDead || sockets.size >= CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    const slave = device.slave(place.framing, (bytes) => socket.write(bytes));
    sockets.add(socket);
    socket.on("data", (bytes: Buffer) => slave.push(bytes));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      sockets.delete(socket);
      slave.end();
    });
  });
  const drop = (): void => {
    for (const socket of sockets) {
      socket.destroy();
    }
  };
  device.onRestart = drop;
  const port = await listen(server, place.port);
  return {
    model: device.model,
    url: `${place.scheme}://127.0.0.1:${port}`,
    unit: device.unit,
    setFault: (name, on) => device.setFault(name, on),
    close: async () => {
      drop();
      server.close();
      await once(server, "close");
    },
  };
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

interface TcpPlace {
  readonly scheme: "modbus-tcp" | "modbus-rtu+tcp";
  readonly framing: Framing;
  readonly port: number;
}

function parsePlace(
  line: string,
): TcpPlace | { readonly scheme: "pty"; readonly framing: "rtu" | "ascii" } {
  if (line === "pty" || line === "modbus-rtu" || line === "modbus-ascii") {
    return { scheme: "pty", framing: line === "modbus-ascii" ? "ascii" : "rtu" };
  }
  const match = /^(modbus-tcp|modbus-rtu\+tcp)(?::\/\/(?:127\.0\.0\.1|localhost):(\d{1,5}))?$/.exec(
    line,
  );
  const port = Number(match?.[2] ?? 0);
  if (match === null || port > 65_535) {
    throw new WardError(
      "WARD_LINE_URL",
      `Cannot simulate a Modbus device on "${line.slice(0, 80)}". Use pty, modbus-ascii, modbus-tcp, modbus-rtu+tcp or modbus-tcp://127.0.0.1:port.`,
    );
  }
  return match[1] === "modbus-tcp"
    ? { scheme: "modbus-tcp", framing: "tcp", port }
    : { scheme: "modbus-rtu+tcp", framing: "rtu", port };
}

const RESTART_MS = 1500;
const CONNECTIONS_MAX = 16;
const NOISE = [0x00, 0xff, 0x5a];
const ZERO = 0x30;
/** Kinds of line that a simulated Modbus device can have; the first is the default. */
const LINES: readonly (LineScheme | "pty")[] = [
  "modbus-tcp",
  "pty",
  "modbus-rtu",
  "modbus-ascii",
  "modbus-rtu+tcp",
];
