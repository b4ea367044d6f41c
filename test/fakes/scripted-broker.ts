import { once } from "node:events";
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

export type Script = (packet: Packet, socket: TLSSocket) => void;

/** A TLS server that says to each MQTT packet what the test wants it to say, right or wrong. */
export class ScriptedBroker {
  readonly #server: Server;
  readonly #sockets = new Set<TLSSocket>();
  readonly port: number;

  private constructor(server: Server, sockets: Set<TLSSocket>, port: number) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = port;
  }

  static async open(
    identity: Identity,
    clientRoot: string,
    script: Script,
  ): Promise<ScriptedBroker> {
    const sockets = new Set<TLSSocket>();
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
        sockets.add(socket);
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

/** PUBACK of MQTT 5 for the PUBLISH of QoS 1 given. */
export function puback5(publish: Packet, reason = 0): Buffer {
  const topicBytes = publish.body.readUInt16BE(0);
  const id = publish.body.subarray(2 + topicBytes, 4 + topicBytes);
  return Buffer.concat([Buffer.from([0x40, 3]), id, Buffer.from([reason])]);
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
