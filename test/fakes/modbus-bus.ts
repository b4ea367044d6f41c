import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import type { ModbusDriver, Output, RegisterBlock } from "../../gateway/devices/device.ts";
import type { Framing } from "../../gateway/lines/modbus-frames.ts";
import { openPty } from "../../gateway/simulate/pty.ts";
import { ModbusSlave } from "../../gateway/simulate/modbus-slave.ts";
import type { SlaveBytes } from "../../gateway/simulate/modbus-slave.ts";

/** Random numbers in [0, 1) that are the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A slave that signs its words: unit, function, address, count and the number of the request are in every reply, so that a value
 * delivered for another request than the one it answers cannot pass for right.
 */
export class SigningSlave {
  /** Function code of every request that ever came. */
  readonly functions: number[] = [];
  /** Number of the latest request for each unit, function, address and count. */
  readonly latest = new Map<string, number>();
  /** Units that never answer. */
  readonly dead = new Set<number>();
  faults = 0;
  #requests = 0;
  #previous: Buffer = Buffer.alloc(0);
  readonly #random: () => number;
  readonly #faultShare: number;
  readonly #lateMs: number;

  /** `lateMs`: how late the latest replies come. */
  constructor(seed: number, faultShare: number, lateMs: number) {
    this.#random = seeded(seed);
    this.#faultShare = faultShare;
    this.#lateMs = lateMs;
  }

  answer(request: Uint8Array): Uint8Array | null {
    const [unit = 0, code = 0] = request;
    this.functions.push(code);
    if (this.dead.has(unit) || request.length !== 6) {
      return null;
    }
    const view = Buffer.from(request);
    const address = view.readUInt16BE(2);
    const count = view.readUInt16BE(4);
    this.#requests += 1;
    this.latest.set(`${unit}:${code}:${address}:${count}`, this.#requests);
    const words = signedWords({ unit, code, address, count }, this.#requests);
    const reply = Buffer.alloc(3 + 2 * count);
    reply.set([unit, code, 2 * count]);
    for (const [place, word] of words.entries()) {
      reply.writeUInt16BE(word, 3 + 2 * place);
    }
    return reply;
  }

  /** What is sent in place of the reply: mostly the reply, sometimes something a bad bus would give. */
  deliver(frame: Buffer, framing: Framing): readonly SlaveBytes[] {
    const previous = this.#previous;
    this.#previous = frame;
    if (this.#random() >= this.#faultShare) {
      return this.#whole(frame);
    }
    this.faults += 1;
    const late = Math.ceil(this.#random() * this.#lateMs);
    const changed = Buffer.from(frame);
    const place = Math.floor(this.#random() * frame.length);
    switch (Math.floor(this.#random() * 10)) {
      case 0:
        return [];
      case 1:
        return [{ afterMs: late, bytes: frame }];
      case 2:
        return [{ afterMs: 0, bytes: Buffer.concat([frame, frame]) }];
      case 3:
        return [
          { afterMs: 0, bytes: frame },
          { afterMs: late, bytes: frame },
        ];
      case 4:
        return [{ afterMs: 0, bytes: frame.subarray(0, place) }];
      case 5:
        changed[place] = (changed[place] ?? 0) ^ (1 << Math.floor(this.#random() * 8));
        return framing === "tcp" ? this.#tcpFault(frame) : [{ afterMs: 0, bytes: changed }];
      case 6:
        return [
          { afterMs: 0, bytes: previous },
          { afterMs: late, bytes: frame },
        ];
      case 7:
        return [
          { afterMs: 0, bytes: frame.subarray(0, place) },
          { afterMs: late, bytes: frame.subarray(place) },
        ];
      case 8:
        return [{ afterMs: 0, bytes: Buffer.concat([this.#noise(), frame]) }];
      default:
        return [{ afterMs: 0, bytes: this.#foreign(frame, framing) }];
    }
  }

  #whole(frame: Buffer): readonly SlaveBytes[] {
    const cut = Math.floor(this.#random() * frame.length);
    return [
      { afterMs: 0, bytes: frame.subarray(0, cut) },
      { afterMs: this.#random() < 0.2 ? 1 : 0, bytes: frame.subarray(cut) },
    ];
  }

  /** TCP has no checksum of its own, so a changed value cannot be told: its header is changed. */
  #tcpFault(frame: Buffer): readonly SlaveBytes[] {
    const changed = Buffer.from(frame);
    const place = Math.floor(this.#random() * 9);
    changed[place] = (changed[place] ?? 0) ^ (1 + Math.floor(this.#random() * 255));
    return [{ afterMs: 0, bytes: changed }];
  }

  /** A right frame of a wrong unit or function. */
  #foreign(frame: Buffer, framing: Framing): Buffer {
    if (framing === "ascii") {
      return Buffer.from(":0504020001F4\r\n");
    }
    const at = framing === "tcp" ? 6 : 0;
    const other = Buffer.from(frame);
    other[at] = ((other[at] ?? 0) + 1) % 248;
    return other;
  }

  #noise(): Buffer {
    return Buffer.from(Array.from({ length: 5 }, () => Math.floor(this.#random() * 256)));
  }
}

interface Signed {
  readonly unit: number;
  readonly code: number;
  readonly address: number;
  readonly count: number;
}

function signedWords({ unit, code, address, count }: Signed, request: number): number[] {
  const words = [unit * 256 + code, address, request & 0xffff, count];
  return Array.from({ length: count }, (_, place) => words[place] ?? (address + place) & 0xffff);
}

/** A driver that accepts nothing but the words that belong to its latest request, and counts. */
export function signedDriver(
  unit: number,
  slave: SigningSlave,
  blocks: readonly RegisterBlock[],
  counts: { good: number; wrong: number },
): ModbusDriver {
  return {
    kind: "modbus",
    facts: {
      model: "test-signed",
      maker: "Test",
      protocol: "Modbus",
      lines: ["modbus-tcp", "modbus-rtu", "modbus-ascii", "modbus-rtu+tcp"],
      evidence: "B",
      mode: "active",
      source: "test",
      quietMs: 5000,
    },
    serial: { baud: 115_200, format: "8N1", flow: "none" },
    options: [],
    pollMs: 1,
    blocks: () => blocks,
    decode: (words): Output[] => {
      for (const [place, block] of blocks.entries()) {
        const { function: code, address, count } = block;
        const request = slave.latest.get(`${unit}:${code}:${address}:${count}`) ?? -1;
        const expected = signedWords({ unit, code, address, count }, request);
        const isRight = expected.every((word, index) => words[place]?.[index] === word);
        counts[isRight && words[place]?.length === count ? "good" : "wrong"] += 1;
      }
      return [{ kind: "frame", readings: [], waves: [] }];
    },
  };
}

/** Where a slave is plugged in. */
export interface SlaveBus {
  readonly url: string;
  close(): Promise<void>;
}

/** A slave behind a pseudo terminal. */
export async function openPtyBus(slave: SigningSlave, framing: "rtu" | "ascii"): Promise<SlaveBus> {
  const pty = await openPty((bytes) => peer.push(bytes));
  const peer = new ModbusSlave(
    {
      framing,
      answer: (request) => slave.answer(request),
      deliver: (frame) => slave.deliver(frame, framing),
    },
    (bytes) => pty.send(bytes),
  );
  return {
    url: `modbus-${framing}:${pty.path}`,
    close: async () => {
      peer.end();
      await pty.close();
    },
  };
}

/** A slave behind a TCP port of the loopback. */
export class TcpBus implements SlaveBus {
  readonly url: string;
  readonly port: number;
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, sockets: Set<Socket>, framing: Framing) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = (server.address() as AddressInfo).port;
    this.url = `${framing === "tcp" ? "modbus-tcp" : "modbus-rtu+tcp"}://127.0.0.1:${this.port}`;
    server.on("connection", () => (this.connections += 1));
  }

  static async open(slave: SigningSlave, framing: Framing): Promise<TcpBus> {
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket);
      // Late bytes of an earlier connection reach the newest one: so do serial device servers.
      const write = (bytes: Uint8Array): void => {
        const target = framing === "tcp" ? socket : [...sockets].at(-1);
        target?.write(bytes);
      };
      const peer = new ModbusSlave(
        {
          framing,
          answer: (request) => slave.answer(request),
          deliver: (frame) => slave.deliver(frame, framing),
        },
        write,
      );
      socket.on("data", (bytes: Buffer) => peer.push(bytes));
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpBus(server, sockets, framing);
  }

  /** Ends every connection, as a device that restarts does. */
  drop(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  async close(): Promise<void> {
    this.drop();
    this.#server.close();
    await once(this.#server, "close");
  }
}
