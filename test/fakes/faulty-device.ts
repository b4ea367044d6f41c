import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

import { needDriver } from "../../gateway/devices/catalog.ts";
import type { Frame, Output, StreamDriver } from "../../gateway/devices/device.ts";
import {
  randomOf,
  type SimulatedStream,
  type StreamSimulator,
} from "../../gateway/devices/simulator.ts";
import { capturesOf, type Guard } from "../gateway/devices/captures.ts";

/** How a piece of bytes is damaged; null for a connection that breaks. */
type Damage = (bytes: Uint8Array, random: () => number) => Uint8Array | null;

const lose: Damage = (bytes, random) => {
  const at = place(bytes, random);
  return Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(at + 1)]);
};
const double: Damage = (bytes, random) => {
  const at = place(bytes, random);
  return Uint8Array.from([...bytes.slice(0, at + 1), ...bytes.slice(at)]);
};
const change: Damage = (bytes, random) => {
  const at = place(bytes, random);
  return bytes.map((byte, index) =>
    index === at ? byte ^ (1 + Math.floor(random() * 255)) : byte,
  );
};
/** What a UART makes of a bad level: bytes with the highest bit set. */
const noise: Damage = (bytes, random) => {
  const at = place(bytes, random);
  const made = Array.from({ length: 1 + Math.floor(random() * 8) }, () => 0x80 | (random() * 128));
  return Uint8Array.from([...bytes.slice(0, at), ...made, ...bytes.slice(at)]);
};
const cut: Damage = (bytes, random) => bytes.slice(0, place(bytes, random));
const silent: Damage = () => new Uint8Array(0);
const broken: Damage = () => null;

/** What a protocol can notice is what it is tried with: nothing can tell a lost digit where there is no checksum. */
const DAMAGES: Readonly<Record<Guard, readonly Damage[]>> = {
  checksum: [lose, double, change, noise, cut, silent, broken],
  form: [lose, double, noise, silent, broken],
  none: [silent, broken],
};

/** A simulated device behind a line that damages what it says. It remembers what the device meant to say. */
export class FaultyDevice {
  readonly model: string;
  readonly driver: StreamDriver;
  readonly #simulator: SimulatedStream;
  readonly #server: Server;
  readonly #damages: readonly Damage[];
  readonly #random: () => number;
  readonly #timer: NodeJS.Timeout;
  readonly #clean: ReturnType<StreamDriver["open"]>;
  readonly #meant = new Set<string>();
  #socket: Socket | null = null;
  #damage: Damage | null = null;
  /** Pieces that are still to be damaged. */
  #pieces = 0;

  private constructor(simulator: StreamSimulator, seed: number, server: Server) {
    const driver = needDriver(simulator.model);
    if (driver.kind !== "stream") {
      throw new TypeError(`${simulator.model} is no stream device`);
    }
    this.model = simulator.model;
    this.driver = driver;
    this.#random = randomOf(seed);
    this.#simulator = simulator.open({ seed });
    this.#damages = DAMAGES[guardOf(driver)];
    this.#server = server;
    this.#clean = driver.open({}, "tcp");
    server.on("connection", (socket: Socket) => {
      this.#socket?.destroy();
      this.#socket = socket;
      socket.on("error", () => undefined);
      socket.on("data", (bytes) => {
        this.#sendAll(this.#simulator.receive?.(Buffer.from(bytes), Date.now()) ?? []);
      });
    });
    this.#timer = setInterval(() => {
      this.#sendAll(this.#simulator.tick(Date.now()));
    }, simulator.tickMs);
  }

  static async open(simulator: StreamSimulator, seed: number): Promise<FaultyDevice> {
    const server = createServer({ noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FaultyDevice(simulator, seed, server);
  }

  get url(): string {
    return `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on the next few pieces are damaged in a way that `chance` (0-1) picks. */
  misbehave(chance: number): void {
    this.#damage = this.#damages[Math.floor(chance * this.#damages.length)] ?? null;
    this.#pieces = 1 + Math.floor(this.#random() * 5);
  }

  behave(): void {
    this.#pieces = 0;
  }

  /** Readings with a number that the device never meant to give. */
  wrongOf(frames: readonly Frame[]): string[] {
    return frames.flatMap(numbersOf).filter((reading) => !this.#meant.has(reading));
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#socket?.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #sendAll(pieces: readonly Uint8Array[]): void {
    // Who has not heard who the device is may give a number under another name: what a newcomer reads is right as well.
    const newcomer = this.driver.open({}, "tcp");
    for (const piece of pieces) {
      this.#remember(this.#clean.push(piece, performance.now()));
      this.#remember(newcomer.push(piece, performance.now()));
      this.#send(piece);
    }
  }

  #send(piece: Uint8Array): void {
    if (this.#pieces === 0 || this.#damage === null) {
      this.#socket?.write(piece);
      return;
    }
    this.#pieces -= 1;
    const damaged = this.#damage(piece, this.#random);
    if (damaged === null) {
      this.#socket?.destroy();
    } else {
      this.#socket?.write(damaged);
    }
  }

  #remember(outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.kind === "frame") {
        numbersOf(output).forEach((reading) => this.#meant.add(reading));
      }
    }
  }
}

function place(bytes: Uint8Array, random: () => number): number {
  return Math.floor(random() * bytes.length);
}

function numbersOf(frame: Frame): string[] {
  return frame.readings
    .filter(({ value }) => typeof value === "number")
    .map(({ code, path, text, unit, quality }) =>
      JSON.stringify([code, path, text, unit, quality]),
    );
}

/** The weakest promise of a driver's captures. */
function guardOf(driver: StreamDriver): Guard {
  const guards = new Set(capturesOf(driver).map(({ expected }) => expected.guard));
  return guards.has("none") ? "none" : guards.has("form") ? "form" : "checksum";
}
