import { readFileSync } from "node:fs";
import { createPublicKey, type KeyObject } from "node:crypto";
import { join } from "node:path";

import { openMqtt, type MqttConnection } from "../../gateway/mqtt/mqtt.ts";
import type { RecordClass } from "../../gateway/sealing/envelope.ts";
import { toHex } from "../../gateway/sealing/envelope.ts";
import { verifyReceipt, type Receipt } from "../../gateway/sealing/receipt.ts";
import { GATEWAY_FILES } from "../../gateway/identity/site-files.ts";
import { EmbeddedBroker } from "../../hub/broker.ts";
import { readBrokerIdentity } from "../../hub/broker-identity.ts";
import type { Message } from "../../hub/parking.ts";
import { GATEWAY, type GatewayRecord, type HubSite } from "./hub-kit.ts";

/** The site's embedded broker, on free ports. */
export async function openBroker(hub: HubSite, ports?: EmbeddedBroker): Promise<EmbeddedBroker> {
  return await EmbeddedBroker.open({
    identity: await readBrokerIdentity(hub.site.brokerDirectory),
    gatewayPort: ports?.gatewayPort ?? 0,
    hubPort: ports?.hubPort ?? 0,
  });
}

/** A gateway's side of the broker: publishes, and remembers what the hub answered. */
export class GatewayLink {
  readonly connection: MqttConnection;
  readonly receipts: Receipt[] = [];
  readonly asked: string[] = [];
  readonly #key: KeyObject;
  readonly #waiting = new Set<() => void>();

  private constructor(hub: HubSite, port: number) {
    const read = (file: string): string =>
      readFileSync(join(hub.site.gatewayDirectory, file), "utf8");
    const spki = Buffer.from(hub.site.hubKeys.receiptKey, "base64");
    this.#key = createPublicKey({ key: spki, format: "der", type: "spki" });
    this.connection = openMqtt({
      url: `mqtts://127.0.0.1:${port}`,
      serverName: "localhost",
      clientId: GATEWAY,
      ca: read(GATEWAY_FILES.serversRoot),
      cert: read(GATEWAY_FILES.certificate),
      key: read(GATEWAY_FILES.key),
      keepaliveS: 15,
      protocolVersion: 4,
    });
    this.connection.onMessage((topic, payload) => this.#receive(topic, payload));
  }

  static async open(hub: HubSite, port: number): Promise<GatewayLink> {
    const link = new GatewayLink(hub, port);
    await link.connection.connect();
    await link.connection.subscribe([`ward/v1/${GATEWAY}/down/#`]);
    return link;
  }

  async send(messages: readonly Message[]): Promise<void> {
    await Promise.all(
      messages.map(async ({ topic, payload }) => await this.connection.publish(topic, payload)),
    );
  }

  /** True when a receipt has named the record. */
  has(record: Pick<GatewayRecord, "class" | "sequence">): boolean {
    return this.receipts.some(({ ranges }) => named(ranges[record.class], record.sequence));
  }

  /** Resolves when the condition is true; looked at whenever something comes. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
  }

  #receive(topic: string, payload: Uint8Array): void {
    if (topic.endsWith("/receipt")) {
      this.receipts.push(verifyReceipt(payload, this.#key));
    } else {
      this.asked.push(toHex(payload));
    }
    for (const resolve of this.#waiting) {
      resolve();
    }
    this.#waiting.clear();
  }
}

function named(ranges: Receipt["ranges"][RecordClass], sequence: number): boolean {
  return ranges?.some(([from, to]) => sequence >= from && sequence <= to) ?? false;
}
