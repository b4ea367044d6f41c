import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";

/** What several hostile tests throw at their listener. */

/** Strings that become a second line, a command to a terminal, or another direction of writing where they are printed. */
export const NASTY = "x\r\nforged: yes\u001b[2J\u009b31m\u202e\0";

/** What text is left where nothing of it may command a terminal or begin a line. */
export const ONE_LINE: RegExp = /^[^\p{C}]*\n?$/u;

/** JSON and CBOR that nest without sense. */
export const DEEP_JSON: string = "[".repeat(60_000);
export const DEEP_CBOR: Uint8Array = Buffer.alloc(60_000, 0x81);
/** A map that announces 2^64-1 entries, a byte string of 2^53 bytes, a tag on a tag on a tag. */
export const WIDE_CBOR: readonly Uint8Array[] = [
  Buffer.from("bbffffffffffffffff", "hex"),
  Buffer.from("5b001fffffffffffff", "hex"),
  Buffer.alloc(20_000, 0xc1),
];
/** JSON whose keys are those of every object. */
export const POLLUTING: readonly string[] = [
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"a":{"__proto__":{"polluted":true}},"toString":1,"hasOwnProperty":null}',
];

/** True when something has got into every object. */
export function isPolluted(): boolean {
  return "polluted" in {} || "polluted" in Object || "polluted" in [];
}

/** A TLS client whose errors are nobody's business. `localAddress` makes it another neighbour. */
export function tls(
  port: number,
  options: ConnectionOptions & { localAddress?: string } = {},
): TLSSocket {
  const socket = connectTls({ port, host: "127.0.0.1", servername: "localhost", ...options });
  socket.on("error", () => undefined);
  return socket;
}

/** A TCP client that says nothing. */
export async function silent(port: number, localAddress = "127.0.0.1"): Promise<Socket> {
  const socket = connectTcp({ port, host: "127.0.0.1", localAddress });
  socket.on("error", () => undefined);
  socket.resume();
  await once(socket, "connect");
  return socket;
}

/** Resolves when the other side has ended the connection. */
export async function gone(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.destroyed) {
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
    });
  }
}

/** Everything the other side says until it ends the connection. */
export async function heard(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += String(chunk);
  });
  await gone(socket);
  return text;
}

/** CONNECT of MQTT 3.1.1, clean start. */
export function connectPacket(clientId: string): Buffer {
  const id = Buffer.from(clientId);
  const head = [0x10, 12 + id.length, 0, 4, ...Buffer.from("MQTT"), 4, 2, 0, 60];
  return Buffer.from([...head, 0, id.length, ...id]);
}

/** PUBLISH of MQTT 3.1.1 with any flags and any bytes for a topic. */
export function publishPacket(topic: Uint8Array, flags = 0x02, payload = "x"): Buffer {
  const id = (flags & 0x06) === 0 ? [] : [0, 7];
  const rest = [topic.length >> 8, topic.length & 255, ...topic, ...id, ...Buffer.from(payload)];
  return Buffer.from([0x30 | flags, ...varint(rest.length), ...rest]);
}

/** SUBSCRIBE of MQTT 3.1.1. */
export function subscribePacket(filters: readonly string[]): Buffer {
  const rest = filters.flatMap((filter) => {
    const bytes = Buffer.from(filter);
    return [bytes.length >> 8, bytes.length & 255, ...bytes, 1];
  });
  return Buffer.from([0x82, ...varint(rest.length + 2), 0, 9, ...rest]);
}

function varint(length: number): number[] {
  const bytes: number[] = [];
  let rest = length;
  do {
    bytes.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return bytes;
}
