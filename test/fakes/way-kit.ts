import { setTimeout as sleep } from "node:timers/promises";
import type { TestContext } from "node:test";

import type { WardError } from "../../gateway/errors.ts";
import { openMqtt } from "../../gateway/mqtt/mqtt.ts";
import type { Outbox } from "../../gateway/outbox/outbox.ts";
import type { RecordClass } from "../../gateway/sealing/envelope.ts";
import { Forwarder } from "../../gateway/uplink/forward.ts";
import { Uplink } from "../../gateway/uplink/uplink.ts";
import type { TestPki } from "../provisioning/pki.ts";
import { openTestOutbox, temporaryDirectory } from "./outbox-kit.ts";
import { fakeBatch, fakeEpoch, hex } from "./record-codec.ts";

export interface WayOptions {
  readonly port: number;
  readonly pki: TestPki;
  readonly deleteOn?: "hub" | "broker";
  readonly keepaliveS?: number;
  readonly connectMs?: number;
  readonly pubackMs?: number;
  readonly connectionMaxMs?: number;
  readonly receiptWaitMs?: number;
}

/** The whole way from a real outbox over TLS and MQTT to a broker on a port, without keeper and hub. */
export class WayToBroker {
  readonly downs: WardError[] = [];
  readonly trouble: string[] = [];
  ups = 0;
  /** Records that the broker acknowledged. */
  forwarded = 0;
  outbox!: Outbox;
  forwarder!: Forwarder;
  uplink!: Uplink;

  static async start(t: TestContext, options: WayOptions): Promise<WayToBroker> {
    const way = new WayToBroker();
    const { outbox } = await openTestOutbox(temporaryDirectory(t), {
      events: {
        committed: (records, epochs) => way.forwarder.committed(records, epochs),
        forgotten: () => undefined,
        lost: () => undefined,
        trouble: () => undefined,
      },
    });
    way.outbox = outbox;
    way.forwarder = new Forwarder({
      gateway: "gw-001",
      source: outbox,
      publish: (topic, payload) => way.uplink.publish(topic, payload),
      windowSize: 64,
      windowBytes: 2 ** 18,
      deleteOn: options.deleteOn ?? "hub",
      receiptWaitMs: options.receiptWaitMs ?? 30_000,
      retryMs: 5,
      forwarded: () => {
        way.forwarded += 1;
      },
      trouble: (error) => way.trouble.push(error.code),
    });
    way.uplink = way.#makeUplink(options);
    way.uplink.start();
    t.after(async () => {
      await way.uplink.close();
      way.forwarder.linkDown(false);
      await outbox.close();
    });
    return way;
  }

  async put(name: RecordClass, ...bodies: readonly string[]): Promise<void> {
    const epoch = hex("one");
    const batches = bodies.map((body) => fakeBatch(name, epoch, 1, body));
    await this.outbox.put({ epochs: [fakeEpoch(epoch)], batches });
  }

  /** Records in the outbox, as `class sequence`. */
  left(): string[] {
    return this.outbox
      .waiting()
      .flatMap(({ class: name, range: [from, to] }) =>
        Array.from({ length: to - from + 1 }, (_, place) => `${name} ${from + place}`),
      );
  }

  /** The hub's receipt, without a hub. */
  async receipt(name: RecordClass, sequence: number): Promise<void> {
    this.forwarder.receiptCame();
    const ranges = [{ class: name, range: [sequence, sequence] }] as const;
    await this.outbox.receipt({ store: this.outbox.storeId, ranges, rejects: [] });
    this.forwarder.receiptDone();
  }

  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) {
      await sleep(5);
    }
  }

  #makeUplink(options: WayOptions): Uplink {
    const { pki, port } = options;
    return new Uplink({
      gateway: "gw-001",
      open: (will, version) =>
        openMqtt({
          url: `mqtts://127.0.0.1:${port}`,
          serverName: "localhost",
          clientId: "gw-001",
          ca: pki.servers.certificate,
          cert: pki.gateway.certificate,
          key: pki.gateway.key,
          keepaliveS: options.keepaliveS ?? 15,
          connectMs: options.connectMs ?? 10_000,
          will,
          protocolVersion: version,
        }),
      state: (online) => Buffer.from(online ? "online" : "offline"),
      pubackMs: options.pubackMs ?? 20_000,
      ...(options.connectionMaxMs === undefined
        ? {}
        : { connectionMaxMs: options.connectionMaxMs }),
      backoffMs: [1, 20],
      events: {
        up: (link) => {
          this.ups += 1;
          void this.forwarder.linkUp(link);
        },
        down: (error) => {
          this.forwarder.linkDown(error !== null);
          if (error !== null) {
            this.downs.push(error);
          }
        },
        notReplaced: (error) => this.trouble.push(error.code),
        receipt: () => undefined,
        needEpoch: () => undefined,
        journalAsked: () => undefined,
        bundleAnnounced: () => undefined,
      },
    });
  }
}
