import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { needDriver } from "../../gateway/devices/catalog.ts";
import type { Line } from "../../gateway/lines/line.ts";
import { openRemotePort } from "../../gateway/lines/remote-port.ts";
import { openStreamLine } from "../../gateway/lines/serial.ts";
import { openPty } from "../../gateway/simulate/pty.ts";
import { needSimulator } from "../../gateway/simulate/registry.ts";
import { CollectingSink } from "../fakes/line-sink.ts";
import { startSer2net } from "../fakes/ser2net.ts";

/** RFC 2217 against the device server that Debian ships, which was written by somebody else. */

const RETRY = { firstRetryMs: 50, maxRetryMs: 200 };

function read(line: Line, model: string): CollectingSink {
  const sink = new CollectingSink();
  const driver = needDriver(model);
  const options = Object.fromEntries(
    driver.options.map(({ name, default: usual }) => [name, usual]),
  );
  line.attach({ device: `test/${model}`, driver, unit: null, options }, sink);
  return sink;
}

describe("RFC 2217 with ser2net", { concurrency: true }, () => {
  test("the port is set as the line says, and every byte passes both ways", async () => {
    const received: number[] = [];
    const pty = await openPty((bytes) => received.push(...bytes));
    const server = await startSer2net([{ path: pty.path, isRemote: true }]);
    const told: number[] = [];
    const port = await openRemotePort(
      {
        host: "127.0.0.1",
        port: server.ports[0] ?? 0,
        serial: { baud: 57_600, format: "8N2", flow: "rtscts" },
        line: "test",
      },
      { onBytes: (bytes) => told.push(...bytes), onEnd: () => undefined },
    );
    const settings = execFileSync("stty", ["-F", pty.path, "-a"], { encoding: "utf8" });
    assert.match(settings, /speed 57600 baud/);
    assert.match(settings, / cstopb /);
    assert.match(settings, / crtscts/);
    const all = Array.from({ length: 256 }, (_, byte) => byte);
    await port.write(Uint8Array.from([...all, 255, 255, 13, 0, 13, 10]));
    pty.send(Uint8Array.from([...all, 255, 255, 13, 0, 13, 10]));
    while (received.length < 262 || told.length < 262) {
      await sleep(20);
    }
    assert.deepEqual(received, [...all, 255, 255, 13, 0, 13, 10]);
    assert.deepEqual(told, [...all, 255, 255, 13, 0, 13, 10]);
    await port.close();
    await server.stop();
    await pty.close();
  });

  test("a device that speaks and one that is asked are read, and found again when the server was gone", async () => {
    const models = ["masimo-ascii1", "baxter-as50"] as const;
    const devices = await Promise.all(
      models.map((model) => needSimulator(model).start({ line: "pty", seed: 1 })),
    );
    const served = devices.map(({ url }) => ({ path: url.replace("serial:", ""), isRemote: true }));
    let server = await startSer2net(served);
    const { ports } = server;
    const lines = ports.map((port) => openStreamLine(`rfc2217://127.0.0.1:${port}`, RETRY));
    const sinks = models.map((model, place) => read(lines[place]!, model));
    const wanted = ["MDC_PULS_OXIM_SAT_O2", "MDC_FLOW_FLUID_PUMP"];
    const readings = (): Promise<unknown> =>
      Promise.all(
        sinks.map((sink, place) =>
          sink.reading(wanted[place]!, ({ value }) => typeof value === "number"),
        ),
      );
    await readings();
    const gone = sinks.map((sink) => sink.until(() => sink.now === "backoff"));
    await server.stop();
    await Promise.all(gone);
    server = await startSer2net(served.map((port, place) => ({ ...port, port: ports[place]! })));
    await readings();
    assert.ok(sinks.every(({ now }) => now === "online"));
    await Promise.all(lines.map((line) => line.close()));
    await server.stop();
    await Promise.all(devices.map((device) => device.close()));
  });

  test("a port without RFC 2217, and one that somebody else has, are told in plain words", async () => {
    const [plain, taken] = [await openPty(), await openPty()];
    const server = await startSer2net([
      { path: plain.path, isRemote: false },
      { path: taken.path, isRemote: true },
    ]);
    const other = connect(server.ports[1] ?? 0, "127.0.0.1");
    await once(other, "data");
    const lines = server.ports.map((port) => openStreamLine(`rfc2217://127.0.0.1:${port}`, RETRY));
    const [first, second] = lines.map((line) => read(line, "masimo-ascii1"));
    await first!.until(() => first!.now === "backoff");
    assert.match(first!.text, /does not speak RFC 2217\. Switch RFC 2217 on for this port/);
    await second!.until(() => second!.now === "backoff");
    assert.match(
      second!.text,
      /^Cannot open rfc2217:\/\/127\.0\.0\.1:\d+: the .*\. Check the device server, and that nobody else has this port open;/,
    );
    const free = second!.until(() => second!.now === "negotiating");
    other.destroy();
    await free;
    await Promise.all(lines.map((line) => line.close()));
    await server.stop();
    await Promise.all([plain.close(), taken.close()]);
  });
});
