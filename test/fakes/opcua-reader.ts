import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { DeviceOptions, OpcuaDriver } from "../../gateway/devices/device.ts";
import { driver as generic } from "../../gateway/devices/generic-opcua/driver.ts";
import type { Line } from "../../gateway/lines/line.ts";
import { openOpcuaLine } from "../../gateway/lines/opcua.ts";
import type { OpcuaContext } from "../../gateway/lines/opcua.ts";
import type { FakeOpcuaServer } from "./opcua-server.ts";
import { CollectingSink } from "./line-sink.ts";

/** The driver of point tables, in a hurry. */
export const hastyDriver: OpcuaDriver = {
  ...generic,
  facts: { ...generic.facts, quietMs: 2000 },
};

/** A point table with the variables `V0` to `V<count - 1>` of a fake server, as `FAKE_V0` and so on. */
export function fakeTable(count: number, more: object = {}): string {
  const points = Array.from({ length: count }, (_, place) => ({
    node: `nsu=urn:fake;s=V${place}`,
    code: `FAKE_V${place}`,
    unit: "1",
    ...more,
  }));
  return JSON.stringify({ title: "Fake", maker: "Fake", model: "Fake", source: "test", points });
}

/** A line to a fake server with a PKI directory of its own, and what is read over it. */
export class OpcuaReader implements AsyncDisposable {
  readonly directory: string;
  readonly pki: string;
  readonly context: OpcuaContext;
  readonly line: Line;

  private constructor(directory: string, url: string, trust: readonly string[]) {
    this.directory = directory;
    this.pki = join(directory, "pki");
    const timing = { answerMs: 1500, firstRetryMs: 100, keepAliveMs: 1000 };
    this.context = { opcuaTrust: trust, opcuaPki: this.pki, gateway: "gw-test", timing };
    this.line = openOpcuaLine(url, this.context);
  }

  static async open(
    { url, pem }: Pick<FakeOpcuaServer, "url" | "pem">,
    prepare: (pki: string) => Promise<unknown> = async () => undefined,
  ): Promise<OpcuaReader> {
    const directory = await mkdtemp(join(tmpdir(), "wardgate-opcua-reader-"));
    await prepare(join(directory, "pki"));
    return new OpcuaReader(directory, url, [pem]);
  }

  attach(options: DeviceOptions, driver: OpcuaDriver = hastyDriver): CollectingSink {
    const sink = new CollectingSink();
    const usual = Object.fromEntries(driver.options.map((spec) => [spec.name, spec.default]));
    const all = { ...usual, sampling: 100, publishing: 50, ...options };
    this.line.attach({ device: "test/device", driver, unit: null, options: all }, sink);
    return sink;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.line.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}
