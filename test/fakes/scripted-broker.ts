import { once } from "node:events";
import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";

import type { Identity } from "../../provisioning/ca.ts";

/** One packet as it came over the wire. */
export interface Packet {
  /** The high four bits of its first byte: 1 CONNECT, 3 PUBLISH, 12 PINGREQ, 14 DISCONNECT, ... */
  readonly type: number;
  /** All of it, fixed header included. */
  readonly bytes: Buffer;
  /** Without the fixed header. */
  readonly body: Buffer;
}

/** Packet types of MQTT (MQTT 5 section 2.1.2). */
export const TYPE = {
  connect: 1,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsuback: 11,
  pingreq: 12,
  disconnect: 14,
} as const;

export type Script = (packet: Packet, socket: TLSSocket) => void;

/** A TLS server that says to each MQTT packet what the test wants it to say, right or wrong. */
export class ScriptedBroker {
  readonly #server: Server;
  readonly #sockets: ReadonlySet<Socket>;
  readonly port: number;

  private constructor(server: Server, sockets: ReadonlySet<Socket>, port: number) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = port;
  }

  static async open(
    identity: Identity,
    clientRoot: string,
    script: Script,
  ): Promise<ScriptedBroker> {
    const sockets = new Set<Socket>();
    const server = createServer(
      {
        cert: identity.certificate,
        key: identity.key,
        ca: clientRoot,
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: "TLSv1.3",
      },
      (socket) => {
        socket.on("error", () => undefined);
        let rest = Buffer.alloc(0);
        socket.on("data", (chunk: Buffer) => {
          rest = Buffer.concat([rest, chunk]);
          for (;;) {
            const packet = firstPacket(rest);
            if (packet === null) {
              return;
            }
            rest = rest.subarray(packet.bytes.length);
            script(packet, socket);
          }
        });
      },
    );
    // Below TLS: a handshake that never ends must not keep the broker from closing.
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return new ScriptedBroker(server, sockets, port);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** CONNACK of MQTT 5 with these properties. */
export function connack5(reason: number, properties: readonly number[] = []): Buffer {
  return Buffer.from([0x20, 3 + properties.length, 0, reason, properties.length, ...properties]);
}

/** CONNACK of MQTT 3.1.1. */
export function connack4(code: number): Buffer {
  return Buffer.from([0x20, 2, 0, code]);
}

/** The packet id of a PUBLISH with QoS 1. */
export function packetId(publish: Packet): number {
  return publish.body.readUInt16BE(2 + publish.body.readUInt16BE(0));
}

/** PUBACK of MQTT 5 for the PUBLISH of QoS 1 given. */
export function puback5(publish: Packet, reason = 0): Buffer {
  return answer5(TYPE.puback, packetId(publish), [reason]);
}

/** Any answer that begins with a packet id. PUBREL has the flag bits that MQTT wants. */
export function answer5(type: number, id: number, rest: readonly number[] = []): Buffer {
  const flags = type === TYPE.pubrel ? 2 : 0;
  return Buffer.from([type * 16 + flags, 2 + rest.length, id >> 8, id & 255, ...rest]);
}

/** PUBLISH of MQTT 5 with QoS 1. */
export function publish5(topic: string, payload: string, id: number): Buffer {
  const name = Buffer.from(topic);
  const body = Buffer.concat([
    Buffer.from([0, name.length]),
    name,
    Buffer.from([0, id, 0]),
    Buffer.from(payload),
  ]);
  return Buffer.concat([Buffer.from([0x32, body.length]), body]);
}

function firstPacket(bytes: Buffer): Packet | null {
  let length = 0;
  for (let place = 1; place < Math.min(5, bytes.length); place += 1) {
    const byte = bytes.readUInt8(place);
    length += (byte & 127) * 128 ** (place - 1);
    if (byte < 128) {
      const end = place + 1 + length;
      return bytes.length < end
        ? null
        : {
            type: bytes.readUInt8(0) >> 4,
            bytes: bytes.subarray(0, end),
            body: bytes.subarray(place + 1, end),
          };
    }
  }
  return null;
}
