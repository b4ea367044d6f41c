import { connect, createServer } from "node:net";

/**
 * What `/dev/tpmrm0` does in the kernel, for a software TPM: programs take turns, and have three objects at most. Here they are
 * seen as one program; that one of them has ended, and what it left behind goes, is said with a line on stdin. A program:
 * `tpm-manager.ts TPM-SOCKET OWN-SOCKET`.
 */
const [tpmPath = "", ownPath = ""] = process.argv.slice(2);
const tpm = connect(tpmPath);
let begun = Buffer.alloc(0);
let heard: ((answer: Buffer) => void) | null = null;
tpm.on("data", (bytes: Buffer) => {
  begun = Buffer.concat([begun, bytes]);
  if (begun.length >= 10 && begun.length >= begun.readUInt32BE(2)) {
    const answer = begun;
    begun = Buffer.alloc(0);
    heard?.(answer);
  }
});

let turn: Promise<unknown> = Promise.resolve();

const space = new Map<number, Buffer>();
process.stdin.on("data", () => {
  turn = turn.then(() => {
    space.clear();
    process.stdout.write("tidied\n");
  });
});

createServer((client) => {
  let asked = Buffer.alloc(0);
  client.on("error", () => undefined);
  client.on("data", (bytes: Buffer) => {
    asked = Buffer.concat([asked, bytes]);
    while (asked.length >= 10 && asked.length >= asked.readUInt32BE(2)) {
      const length = asked.readUInt32BE(2);
      const command = Buffer.from(asked.subarray(0, length));
      asked = asked.subarray(length);
      turn = turn.then(async () => client.write(await served(command)));
    }
  });
}).listen(ownPath);

async function raw(command: Buffer): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  heard = resolve;
  tpm.write(command);
  return await promise;
}

/** How many handles a command begins with; of all others none is an object's. */
const HANDLES: ReadonlyMap<number, number> = new Map([
  [0x120, 2],
  [0x147, 1],
  [0x153, 1],
  [0x154, 1],
  [0x156, 1],
  [0x157, 1],
  [0x15c, 1],
  [0x15d, 1],
  [0x15e, 1],
  [0x13e, 1],
  [0x173, 1],
  [0x177, 1],
  [0x185, 2],
]);
const MAKES_OBJECT: ReadonlySet<number> = new Set([0x131, 0x157, 0x161, 0x167, 0x186, 0x191]);
const OBJECTS_MAX = 3;
const CC_SAVE = 0x162;
const CC_LOAD = 0x161;
const CC_FLUSH = 0x165;

/** Loads what the command names, sends it, and puts everything away again. */
async function served(command: Buffer): Promise<Buffer> {
  const code = command.readUInt32BE(6);
  if (code === CC_FLUSH && isObject(command.readUInt32BE(10))) {
    space.delete(command.readUInt32BE(10));
    return Buffer.from("80010000000a00000000", "hex");
  }
  if (MAKES_OBJECT.has(code) && space.size >= OBJECTS_MAX) {
    return Buffer.from("80010000000a00000902", "hex");
  }
  const loaded = new Map<number, number>();
  const count = code === CC_SAVE ? 1 : (HANDLES.get(code) ?? 0);
  for (let at = 10; at < 10 + count * 4; at += 4) {
    const name = command.readUInt32BE(at);
    const saved = space.get(name);
    if (saved !== undefined) {
      const real = (await raw(framed(CC_LOAD, saved))).readUInt32BE(10);
      loaded.set(name, real);
      command.writeUInt32BE(real, at);
    }
  }
  const result = await raw(command);
  const isGood = result.readUInt32BE(6) === 0;
  if (isGood && MAKES_OBJECT.has(code)) {
    const made = result.readUInt32BE(10);
    const name = [0, 1, 2, 3].map((n) => 0x8000_0010 + n).find((n) => !space.has(n)) ?? 0;
    loaded.set(name, made);
    result.writeUInt32BE(name, 10);
  }
  for (const [name, real] of loaded) {
    const saved = await raw(framed(CC_SAVE, word(real)));
    // A sequence that has come to its end is gone by itself.
    if (saved.readUInt32BE(6) === 0) {
      space.set(name, saved.subarray(10));
      await raw(framed(CC_FLUSH, word(real)));
    } else {
      space.delete(name);
    }
  }
  return result;
}

function isObject(handle: number): boolean {
  return handle >>> 24 === 0x80;
}

function framed(code: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from("8001", "hex"), word(10 + body.length), word(code), body]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
