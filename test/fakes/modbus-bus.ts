import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import type {
  ModbusDriver,
  Output,
  RegisterBlock,
  RegisterLimits,
} from "../../gateway/devices/device.ts";
import type { Framing } from "../../gateway/lines/modbus-frames.ts";
import { MBAP_BYTES } from "../../gateway/lines/modbus-frames.ts";
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

/** One request as a slave saw it. */
export interface SeenRequest {
  readonly unit: number;
  readonly code: number;
  readonly address: number;
  readonly count: number;
  /** Counts from 1. */
  readonly number: number;
}

export interface SlaveTraits {
  readonly seed?: number;
  /** Which share of the replies is replaced by something a bad bus or device would give. @default 0 */
  readonly faultShare?: number;
  /** How late the latest replies come (milliseconds). @default 0 */
  readonly lateMs?: number;
  /** Whether it may send an old reply in place of the new one. @default true */
  readonly stale?: boolean;
}

/**
 * A slave that signs its words: every register of a reply says which register it is and which request it answers, so that a value
 * delivered for another register, or for an earlier request, cannot pass for right.
 */
export class SigningSlave {
  /** Every request that ever came. */
  readonly requests: SeenRequest[] = [];
  /** Units that never answer. */
  readonly dead = new Set<number>();
  /** The exception code with which a request is refused, or null. */
  refuse: (request: SeenRequest) => number | null = () => null;
  faults = 0;
  /** Number of the latest request for each register on each connection. */
  readonly #latest = new Map<string, Map<number, number>>();
  #count = 0;
  #previous: Buffer = Buffer.alloc(0);
  #held: Buffer = Buffer.alloc(0);
  readonly #random: () => number;
  readonly #traits: Required<SlaveTraits>;

  constructor(traits: SlaveTraits = {}) {
    this.#traits = { seed: 1, faultShare: 0, lateMs: 0, stale: true, ...traits };
    this.#random = seeded(this.#traits.seed);
  }

  /** Function code of every request that ever came. */
  get functions(): number[] {
    return this.requests.map(({ code }) => code);
  }

  /**
   * `connection` tells requests apart that come over several at once; one of an abandoned connection may be read after those of a newer.
   */
  answer(request: Uint8Array, connection = 0): Uint8Array | null {
    const view = Buffer.from(request);
    const [unit = 0, code = 0] = request;
    const isRead = request.length === 6 && code >= 1 && code <= 4;
    const [address, count] = isRead ? [view.readUInt16BE(2), view.readUInt16BE(4)] : [0, 0];
    this.#count += 1;
    const seen = { unit, code, address, count, number: this.#count };
    this.requests.push(seen);
    if (this.dead.has(unit) || !isRead) {
      return null;
    }
    const refusal = this.refuse(seen);
    return refusal === null
      ? this.#values(seen, connection)
      : Uint8Array.of(unit, code | 0x80, refusal);
  }

  /** True when these words are those of a block, from the latest request that asked for it. */
  isRight(
    unit: number,
    { function: code, address }: RegisterBlock,
    words: readonly number[],
  ): boolean {
    const numbers = this.#latest.get(`${unit}:${code}:${address}`)?.values() ?? [];
    return [...numbers].some((number) =>
      words.every((word, place) => word === signed(unit, code, address + place, number)),
    );
  }

  /** What is sent in place of the reply: mostly the reply, sometimes something a bad bus would give. */
  deliver(frame: Buffer, framing: Framing): readonly SlaveBytes[] {
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    if (held.length === 0) {
      return this.#deliverOne(frame, framing);
    }
    // Out of order, which is allowed; or each with the transaction number of the other, which is not.
    const [first, second] =
      this.#random() < 0.5 ? [frame, held] : [misnumbered(frame, -1), misnumbered(held, 1)];
    return [first, second].map((bytes) => ({ afterMs: 0, bytes }));
  }

  #values({ unit, code, address, count, number }: SeenRequest, connection: number): Uint8Array {
    const reply = Buffer.alloc(3 + (code <= 2 ? Math.ceil(count / 8) : 2 * count));
    reply.set([unit, code, reply.length - 3]);
    for (let place = 0; place < count; place += 1) {
      const register = `${unit}:${code}:${address + place}`;
      const latest = this.#latest.get(register) ?? new Map<number, number>();
      this.#latest.set(register, latest.set(connection, number));
      const word = signed(unit, code, address + place, number);
      if (code <= 2) {
        const at = 3 + (place >>> 3);
        reply[at] = (reply[at] ?? 0) | (word << (place & 7));
      } else {
        reply.writeUInt16BE(word, 3 + 2 * place);
      }
    }
    return reply;
  }

  #deliverOne(frame: Buffer, framing: Framing): readonly SlaveBytes[] {
    const previous = this.#previous;
    this.#previous = frame;
    if (this.#random() >= this.#traits.faultShare) {
      return this.#whole(frame);
    }
    this.faults += 1;
    const late = Math.ceil(this.#random() * this.#traits.lateMs);
    const changed = Buffer.from(frame);
    const place = Math.floor(this.#random() * frame.length);
    switch (Math.floor(this.#random() * (framing === "tcp" ? 12 : 10))) {
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
          { afterMs: 0, bytes: this.#traits.stale ? previous : Buffer.alloc(0) },
          { afterMs: late, bytes: frame },
        ];
      case 7:
        return [
          { afterMs: 0, bytes: frame.subarray(0, place) },
          { afterMs: late, bytes: frame.subarray(place) },
        ];
      case 8:
        return [{ afterMs: 0, bytes: Buffer.concat([this.#noise(), frame]) }];
      case 9:
        return [{ afterMs: 0, bytes: this.#foreign(frame, framing) }];
      case 10:
        this.#held = frame;
        return [];
      default:
        return [{ afterMs: 0, bytes: misnumbered(frame, this.#random() < 0.5 ? -1 : 1) }];
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
    const at = framing === "tcp" ? MBAP_BYTES : 0;
    const other = Buffer.from(frame);
    other[at] = ((other[at] ?? 0) + 1) % 248;
    return other;
  }

  #noise(): Buffer {
    return Buffer.from(Array.from({ length: 5 }, () => Math.floor(this.#random() * 256)));
  }
}

/** The reply with the transaction number of a neighbour, which is likely under way as well. */
function misnumbered(frame: Buffer, difference: number): Buffer {
  const other = Buffer.from(frame);
  other.writeUInt16BE((frame.readUInt16BE(0) + difference) & 0xff_ff, 0);
  return other;
}

/** The word, or the bit, of a register in the reply to a request. */
function signed(unit: number, code: number, register: number, request: number): number {
  const mixed = Math.imul(unit * 251 + code, 0x9e3779b1) ^ Math.imul(register + 1, 0x85ebca6b);
  const word = ((mixed >>> 7) + request) & 0xff_ff;
  return code <= 2 ? word & 1 : word;
}

/** How a test wants its driver. */
export interface SignedDriver {
  readonly unit: number;
  readonly slave: SigningSlave;
  readonly blocks: readonly RegisterBlock[];
  readonly counts: { good: number; wrong: number };
  readonly limits?: RegisterLimits;
  readonly everyMs?: number;
}

/** A driver that counts the blocks that are those of the latest request for them, and those that are not. */
export function signedDriver(options: SignedDriver): ModbusDriver {
  const { unit, slave, blocks, counts, limits = {}, everyMs = 1 } = options;
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
    limits: () => limits,
    polls: () => [
      {
        everyMs,
        blocks,
        decode: (words): Output[] => {
          for (const [place, block] of blocks.entries()) {
            const found = words[place];
            if (found !== null && found !== undefined) {
              const isRight = found.length === block.count && slave.isRight(unit, block, found);
              counts[isRight ? "good" : "wrong"] += 1;
            }
          }
          return [{ kind: "frame", readings: [], waves: [] }];
        },
      },
    ],
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
  const peer = slaveEnd(slave, framing, (bytes) => pty.send(bytes));
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
  /** More connections than these are ended at once. */
  connectionsMax = Infinity;
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
    let connections = 0;
    let bus: TcpBus | null = null;
    const server = createServer({ noDelay: true }, (socket) => {
      if (sockets.size >= (bus?.connectionsMax ?? Infinity)) {
        socket.destroy();
        return;
      }
      sockets.add(socket);
      // Late bytes of an earlier connection reach the newest one: so do serial device servers.
      const write = (bytes: Uint8Array): void => {
        const target = framing === "tcp" ? socket : [...sockets].at(-1);
        target?.write(bytes);
      };
      connections += framing === "tcp" ? 1 : 0;
      const peer = slaveEnd(slave, framing, write, connections);
      socket.on("data", (bytes: Buffer) => peer.push(bytes));
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    bus = new TcpBus(server, sockets, framing);
    return bus;
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

function slaveEnd(
  slave: SigningSlave,
  framing: Framing,
  write: (bytes: Uint8Array) => void,
  connection = 0,
): ModbusSlave {
  return new ModbusSlave(
    {
      framing,
      answer: (request) => slave.answer(request, connection),
      deliver: (frame) => slave.deliver(frame, framing),
    },
    write,
  );
}
