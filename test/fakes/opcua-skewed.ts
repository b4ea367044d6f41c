import { once } from "node:events";

/**
 * A fake OPC-UA server as a process of its own, whose clock is wrong:
 *
 *     node opcua-skewed.ts MINUTES
 *
 * It says where it is as one JSON line, and ends with its input.
 */
const skewMs = Number(process.argv[2] ?? "0") * 60_000;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...parts: readonly unknown[]) {
    // Without arguments it is now; with them it is whatever they say.
    super(...((parts.length === 0 ? [RealDate.now() + skewMs] : parts) as [number]));
  }

  static override now(): number {
    return RealDate.now() + skewMs;
  }
} as DateConstructor;

const { FakeOpcuaServer } = await import("./opcua-server.ts");
const server = await FakeOpcuaServer.start({ count: 3, keysMs: 2000 });
let round = 0;
setInterval(() => {
  round += 1;
  server.set(0, round);
}, 100);
process.stdout.write(`${JSON.stringify({ url: server.url, pem: server.pem })}\n`);
process.stdin.resume();
await once(process.stdin, "end");
await server[Symbol.asyncDispose]();
process.exit(0);
