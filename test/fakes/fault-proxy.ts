import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/**
 * `FaultProxy` (test/fakes/fault-proxy.ts): a TCP proxy that makes a bad link between a client and a server in the same test.
 * TLS goes through untouched. It gives latency, jitter, a bandwidth limit with a bounded buffer, connections that end after N
 * bytes, resets, and half-open connections (nothing passes any more, and nobody closes).
 *
 *     const proxy = await FaultProxy.open(broker.port, { seed: 7 });
 *     proxy.shape("up", { latencyMs: 50, bytesPerSecond: 8000 });
 *     proxy.silence();    // half-open, both ways; new connections too
 *     proxy.restore();    // new connections are good again, silent ones stay silent until they end
 *     proxy.reset();      // RST to both sides
 *     await proxy.close();
 */
export class FaultProxy {
  readonly #server: Server;
  readonly #target: number;
  readonly #random: () => number;
  readonly #pairs: Set<Pair> = new Set();
  readonly #shapes: Record<Way, Shape> = { up: {}, down: {} };
  #mode: "pass" | "silent" | "refuse" = "pass";

  /** Bytes that came in, whether they went on or not: `up` from clients, `down` from the server. */
  readonly bytes: Record<Way, number> = { up: 0, down: 0 };
  /** Connections accepted so far. */
  accepted = 0;

  private constructor(server: Server, target: number, seed: number) {
    this.#server = server;
    this.#target = target;
    this.#random = makeRandom(seed);
  }

  /** Listens on a free port of 127.0.0.1 and passes on to `target` there. The same seed gives the same jitter. */
  static async open(target: number, options: { readonly seed?: number } = {}): Promise<FaultProxy> {
    const server = createServer({ noDelay: true });
    const proxy = new FaultProxy(server, target, options.seed ?? 1);
    server.on("connection", (client) => proxy.#accept(client));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get port(): number {
    // A TCP server that listens has an address of this form.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#pairs.size;
  }

  /** How one direction behaves from the next chunk on, for all connections; what is not named is perfect. */
  shape(way: Way, shape: Shape): void {
    this.#shapes[way] = shape;
  }

  /** Half-open: from now on nothing passes, nothing is closed, and new connections are taken and stay silent. */
  silence(): void {
    this.#mode = "silent";
    this.#pairs.forEach((pair) => pair.silence());
  }

  /** New connections are reset at once; those that are there go on. */
  refuse(): void {
    this.#mode = "refuse";
  }

  /** New connections pass again. */
  restore(): void {
    this.#mode = "pass";
  }

  /** Ends every connection with a RST to both sides. */
  reset(): void {
    this.#pairs.forEach((pair) => pair.end("reset"));
  }

  /** Ends every connection with a FIN to both sides. */
  cut(): void {
    this.#pairs.forEach((pair) => pair.end("close"));
  }

  async close(): Promise<void> {
    this.reset();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(client: Socket): void {
    this.accepted += 1;
    if (this.#mode === "refuse") {
      client.on("error", () => undefined);
      client.resetAndDestroy();
      return;
    }
    const server = connect({ port: this.#target, host: "127.0.0.1", noDelay: true });
    const pair = new Pair(client, server, {
      shapeOf: (way) => this.#shapes[way],
      random: this.#random,
      count: (way, bytes) => {
        this.bytes[way] += bytes;
      },
      ended: () => this.#pairs.delete(pair),
    });
    this.#pairs.add(pair);
    if (this.#mode === "silent") {
      pair.silence();
    }
  }
}

/** `up` is from the client to the server. */
export type Way = "up" | "down";

/** How one direction of a link behaves. */
export interface Shape {
  /** Every byte comes this much later (milliseconds). */
  readonly latencyMs?: number;
  /** And up to this much later again, at random; bytes never overtake each other (milliseconds). */
  readonly jitterMs?: number;
  readonly bytesPerSecond?: number;
  /** Bytes that may wait in the proxy before it stops reading (default 64 KiB). */
  readonly bufferBytes?: number;
  /** A connection is reset when so many bytes have passed in this direction; the ones before arrive. */
  readonly resetAfterBytes?: number;
}

interface PairOptions {
  readonly shapeOf: (way: Way) => Shape;
  readonly random: () => number;
  readonly count: (way: Way, bytes: number) => void;
  readonly ended: () => void;
}

/** One client and its connection to the server. */
class Pair {
  readonly #sockets: readonly Socket[];
  readonly #options: PairOptions;
  #isSilent = false;
  #isEnded = false;

  constructor(client: Socket, server: Socket, options: PairOptions) {
    this.#sockets = [client, server];
    this.#options = options;
    this.#pass(client, server, "up");
    this.#pass(server, client, "down");
  }

  silence(): void {
    this.#isSilent = true;
  }

  end(how: "reset" | "close"): void {
    if (this.#isEnded) {
      return;
    }
    this.#isEnded = true;
    for (const socket of this.#sockets) {
      if (how === "reset") {
        socket.resetAndDestroy();
      } else {
        socket.end();
        socket.destroySoon();
      }
    }
    this.#options.ended();
  }

  #pass(from: Socket, to: Socket, way: Way): void {
    const { shapeOf, random, count } = this.#options;
    const queue = new DelayQueue();
    let passed = 0;
    let waiting = 0;
    /** When the line is free again (monotonic milliseconds). */
    let freeAt = 0;
    from.on("data", (chunk: Buffer) => {
      count(way, chunk.length);
      if (this.#isSilent) {
        return;
      }
      const shape = shapeOf(way);
      for (const piece of piecesOf(chunk, shape)) {
        const left = (shape.resetAfterBytes ?? Infinity) - passed;
        passed += piece.length;
        waiting += piece.length;
        freeAt = Math.max(freeAt, performance.now()) + sendMs(piece.length, shape);
        queue.add(freeAt + delayMs(shape, random), () => {
          waiting -= piece.length;
          this.#deliver(to, piece, left);
          if (waiting < bufferBytes(shape)) {
            from.resume();
          }
        });
      }
      if (waiting >= bufferBytes(shape)) {
        from.pause();
      }
    });
    // An error is followed by "close".
    from.on("error", () => undefined);
    from.on("close", () => {
      if (!this.#isSilent) {
        queue.add(0, () => this.end("close"));
      } else if (this.#sockets.every((socket) => socket.destroyed)) {
        this.end("reset");
      }
    });
  }

  #deliver(to: Socket, chunk: Buffer, left: number): void {
    if (this.#isSilent || this.#isEnded) {
      return;
    }
    if (chunk.length < left) {
      to.write(chunk);
    } else {
      to.write(chunk.subarray(0, left), () => this.end("reset"));
    }
  }
}

/** Acts in order, each not before its time. */
class DelayQueue {
  readonly #waiting: { readonly at: number; readonly act: () => void }[] = [];
  #timer: NodeJS.Timeout | null = null;

  /** `at` is monotonic milliseconds. */
  add(at: number, act: () => void): void {
    this.#waiting.push({ at: Math.max(at, this.#waiting.at(-1)?.at ?? 0), act });
    if (this.#timer === null) {
      this.#run();
    }
  }

  #run(): void {
    this.#timer = null;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const wait = next.at - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#run(), Math.ceil(wait));
        return;
      }
      this.#waiting.shift();
      next.act();
    }
  }
}

const BUFFER_BYTES = 64 * 1024;

function bufferBytes(shape: Shape): number {
  return shape.bufferBytes ?? BUFFER_BYTES;
}

/** A narrow line does not hold back a large chunk as a whole. */
function piecesOf(chunk: Buffer, { bytesPerSecond }: Shape): Buffer[] {
  if (bytesPerSecond === undefined) {
    return [chunk];
  }
  const size = Math.max(PIECE_BYTES_MIN, Math.ceil(bytesPerSecond / 100));
  return Array.from({ length: Math.ceil(chunk.length / size) }, (_, place) =>
    chunk.subarray(place * size, (place + 1) * size),
  );
}

/** About a TCP segment. */
const PIECE_BYTES_MIN = 1400;

function sendMs(bytes: number, { bytesPerSecond }: Shape): number {
  return bytesPerSecond === undefined ? 0 : (bytes * 1000) / bytesPerSecond;
}

function delayMs({ latencyMs, jitterMs }: Shape, random: () => number): number {
  return (latencyMs ?? 0) + (jitterMs ?? 0) * random();
}

/** mulberry32: small, and the same everywhere. */
function makeRandom(seed: number): () => number {
  let state = Math.trunc(seed);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
