import type { TLSSocket } from "node:tls";

import { MqttClient } from "mqtt";

import {
  judgeRefusal,
  lostError,
  publishError,
  reasonText,
  subscribeError,
  unusableError,
} from "./broker-answers.ts";
import {
  conductProblem,
  readGrants,
  type ConnackProperties,
  type ReceivedPacket,
} from "./broker-conduct.ts";
import { openBrokerTls, tlsFacts, type TlsFacts } from "./broker-tls.ts";
import { errorText, WardError } from "../errors.ts";
import {
  asBuffer,
  parseBrokerUrl,
  sessionOptions,
  type BrokerAddress,
  type MqttOptions,
  type ProtocolVersion,
} from "./mqtt-options.ts";
import { Incoming, type MessageListener } from "./incoming.ts";
import { PendingAnswers } from "./pending-answers.ts";
import { PacketGuard } from "./mqtt-packet-guard.ts";
import { PublishWindow } from "./publish-window.ts";

/** Called once when an established connection has ended; null after our own `close()`. */
export type CloseListener = (error: WardError | null) => void;

/** A connection to a broker that has not been made yet; call `connect()` once. Throws on an unusable URL. */
export function openMqtt(options: MqttOptions): MqttConnection {
  return new MqttConnection(options);
}

const CONNECT_MS = 10_000;
const PACKET_BYTES_MAX = 16 * 2 ** 20;
/** The disconnect packet and the TLS close may take this long before the socket is cut. */
const CLOSE_MS = 2000;

/**
 * One connection to one broker. It never reconnects and never queues while offline: whoever holds the data makes a new
 * one. Clean start, session expiry 0, QoS 1 both ways.
 */
export class MqttConnection {
  readonly #options: MqttOptions;
  /** `host:port`, for messages. */
  readonly #broker: string;
  readonly #address: BrokerAddress;
  readonly #incoming: Incoming = new Incoming();
  readonly #closeListeners: CloseListener[] = [];
  readonly #pending: PendingAnswers = new PendingAnswers();
  /** As wide as the broker grants, once it has. */
  readonly #window: PublishWindow = new PublishWindow(1);
  readonly #abort: AbortController = new AbortController();
  #client: MqttClient | null = null;
  #socket: TLSSocket | null = null;
  #tls: TlsFacts | null = null;
  #version: ProtocolVersion = 5;
  #state: "new" | "connecting" | "open" | "closing" | "closed" = "new";
  #packetBytesMax: number | null = null;
  #mayRetain = true;
  #lastAckReason = 0;
  #lostBecause: WardError | null = null;

  constructor(options: MqttOptions) {
    this.#options = options;
    this.#address = parseBrokerUrl(options.url);
    this.#broker = `${this.#address.host}:${this.#address.port}`;
  }

  get connected(): boolean {
    return this.#state === "open";
  }

  /** 5, or 4 for MQTT 3.1.1. Certain once connected; the next connection may be told. */
  get protocolVersion(): ProtocolVersion {
    return this.#version;
  }

  /** What TLS agreed on, or null before. */
  get tls(): TlsFacts | null {
    return this.#tls;
  }

  /** How many publishes may be without an answer at a time, as the broker says. */
  get inflightMax(): number {
    return this.#window.max;
  }

  /** The longest packet the broker takes (bytes), or null when it did not say. */
  get packetBytesMax(): number | null {
    return this.#packetBytesMax;
  }

  /**
   * Connects with MQTT 5 and falls back to 3.1.1 when the broker does not speak 5.
   * @throws WardError `WARD_BROKER_UNREACHABLE`, `WARD_BROKER_CERTIFICATE`, `WARD_CLOCK`, `WARD_BROKER_TLS`,
   * `WARD_IDENTITY_UNUSABLE`, `WARD_IDENTITY_REFUSED` (alert, or closed before CONNACK) or `WARD_BROKER_REFUSED`
   */
  async connect(): Promise<void> {
    if (this.#state !== "new") {
      throw new TypeError("connect() was called before: make a new connection");
    }
    this.#state = "connecting";
    try {
      const answer = await this.#attempt();
      if (answer === "other-version") {
        this.#version = 4;
        await this.#attempt();
      }
    } catch (error) {
      this.#finish();
      throw this.#abort.signal.aborted ? this.#abort.signal.reason : error;
    }
  }

  /**
   * Publishes with QoS 1; resolves with the reason code of the PUBACK (0, or 16 "no subscriber"; always 0 in 3.1.1).
   * Waits its turn when the broker's limit of unanswered messages is reached.
   * @throws WardError `WARD_BROKER_LOST` when the connection ends first, `WARD_PUBLISH_REFUSED` for a negative answer,
   * `WARD_MESSAGE_TOO_LARGE` for more than the broker takes
   */
  async publish(
    topic: string,
    payload: Uint8Array,
    options: { readonly retain?: boolean } = {},
  ): Promise<number> {
    this.#checkSize(topic, payload);
    await this.#window.enter();
    try {
      return await this.#pending.wait<number>((settle) => {
        this.#openClient().publish(
          topic,
          asBuffer(payload),
          { qos: 1, retain: (options.retain ?? false) && this.#mayRetain },
          (error) => settle(error ? publishError(topic, error) : null, this.#lastAckReason),
        );
      });
    } finally {
      this.#window.leave();
    }
  }

  /**
   * Subscribes with QoS 1 and waits for the broker's answer.
   * @throws WardError `WARD_SUBSCRIBE_REFUSED` or `WARD_BROKER_LOST`
   */
  async subscribe(filters: readonly string[]): Promise<void> {
    await this.#pending.wait<null>((settle) => {
      this.#openClient().subscribe([...filters], { qos: 1 }, (error) => {
        settle(error ? subscribeError(filters, error) : null, null);
      });
    });
  }

  /** Adds a listener. A message is acknowledged when all listeners have returned; one that throws ends the connection. */
  onMessage(listener: MessageListener): void {
    this.#incoming.add(listener);
  }

  onClose(listener: CloseListener): void {
    this.#closeListeners.push(listener);
  }

  /**
   * Stops reading after the next message, so that TCP holds the broker back. Answers to our own publishes and pings wait
   * too: never await a publish while paused, and resume well within the keep-alive time.
   */
  pause(): void {
    this.#incoming.pause();
  }

  resume(): void {
    this.#incoming.resume();
  }

  /** Says goodbye (so that no will is sent) and ends the connection within 2 seconds, whatever the broker does. */
  async close(): Promise<void> {
    const client = this.#client;
    const socket = this.#socket;
    if (this.#state !== "open" || client === null || socket === null) {
      this.destroy();
      return;
    }
    this.#state = "closing";
    this.resume();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, CLOSE_MS);
    socket.once("close", () => resolve());
    client.end(false);
    await promise;
    clearTimeout(timer);
    this.#finish();
  }

  /**
   * Cuts the connection without a word: for a broker that stopped answering, or breaks the protocol. The broker then sends
   * the will. The first reason given is the one that is told.
   */
  destroy(reason = "it was given up by us"): void {
    this.#lost(reason);
    this.#abort.abort(lostError(this.#broker, reason));
    this.#finish();
  }

  async #attempt(): Promise<"connected" | "other-version"> {
    const options = this.#options;
    const connectMs = options.connectMs ?? CONNECT_MS;
    const startedAt = performance.now();
    const socket = await openBrokerTls({
      ...this.#address,
      serverName: options.serverName,
      ca: options.ca,
      cert: options.cert,
      key: options.key,
      crl: options.crl,
      connectMs,
      signal: this.#abort.signal,
    });
    this.#socket = socket;
    this.#tls = tlsFacts(socket);
    const leftMs = Math.max(1, connectMs - (performance.now() - startedAt));
    return await this.#handshake(socket, Math.ceil(leftMs));
  }

  /** Sends CONNECT and waits for CONNACK, the broker's TLS alert about our certificate, a close, or the time. */
  async #handshake(socket: TLSSocket, leftMs: number): Promise<"connected" | "other-version"> {
    const { promise, resolve, reject } = Promise.withResolvers<"connected" | "other-version">();
    const failed = (error: unknown): void => {
      const verdict = judgeRefusal(error, { broker: this.#broker, fallBack: this.#fallBack() });
      if (verdict === "other-version") {
        resolve(verdict);
      } else {
        reject(verdict);
      }
    };
    socket.on("error", failed);
    this.#abort.signal.addEventListener("abort", () => reject(this.#abort.signal.reason));
    const client = this.#makeClient(socket, leftMs);
    client.on("error", failed);
    client.once("close", () => failed(new Error("closed before the broker answered")));
    client.once("connect", ({ properties }) => {
      const refusal = this.#opened(client, socket, properties ?? {});
      if (refusal === null) {
        resolve("connected");
      } else {
        reject(refusal);
      }
    });
    try {
      const answer = await promise;
      if (answer === "other-version") {
        discard(client, socket);
      }
      return answer;
    } catch (error) {
      discard(client, socket);
      throw error;
    }
  }

  #fallBack(): "no" | "if-told" | "if-closed" {
    if (this.#version === 4) {
      return "no";
    }
    return this.#options.protocolVersion === 5 ? "if-told" : "if-closed";
  }

  #makeClient(socket: TLSSocket, connectTimeout: number): MqttClient {
    const options = this.#options;
    const packetBytesMax = options.packetBytesMax ?? PACKET_BYTES_MAX;
    const guard = new PacketGuard(packetBytesMax);
    socket.on("data", (chunk: Buffer) => {
      if (!guard.accept(chunk)) {
        socket.destroy(new Error(`the broker sent a packet of more than ${packetBytesMax} bytes`));
      }
    });
    return new MqttClient(() => socket, {
      ...sessionOptions(options, packetBytesMax),
      protocolVersion: this.#version,
      connectTimeout,
    });
  }

  /** The broker let us in. Returns why it cannot be used all the same, or null. */
  #opened(client: MqttClient, socket: TLSSocket, granted: ConnackProperties): WardError | null {
    const grants = readGrants(granted, this.#options.keepaliveS);
    if (typeof grants === "string") {
      return unusableError(this.#broker, grants);
    }
    this.#client = client;
    this.#state = "open";
    this.#window.max = grants.inflightMax;
    this.#packetBytesMax = grants.packetBytesMax;
    this.#mayRetain = grants.mayRetain;
    // mqtt.js takes over whatever the broker says, be it hours.
    client.keepaliveManager.setKeepalive(grants.keepaliveS);
    client.on("packetreceive", (packet) => this.#judge(packet));
    client.on("message", (topic, payload) => this.#deliver(topic, payload));
    client.handleMessage = (_packet, done) => this.#incoming.whenWanted(() => done());
    client.on("disconnect", ({ reasonCode }) => this.destroy(reasonText(reasonCode ?? 0)));
    // mqtt.js goes on after a packet that it could not parse; nothing can be trusted then.
    client.on("error", (error) => this.destroy(errorText(error)));
    socket.on("error", (error) => this.#lost(errorText(error)));
    client.on("close", () => this.#finish());
    return null;
  }

  /** Sees every packet before mqtt.js acts on it. */
  #judge(packet: ReceivedPacket & { readonly reasonCode?: number }): void {
    const problem = conductProblem(packet);
    if (problem !== null) {
      this.destroy(problem);
    } else if (packet.cmd === "puback") {
      // mqtt.js calls the publish callback in the same turn and does not pass this on.
      this.#lastAckReason = packet.reasonCode ?? 0;
    }
  }

  /** A message that a listener cannot take ends the connection before it is acknowledged. */
  #deliver(topic: string, payload: Uint8Array): void {
    try {
      this.#incoming.deliver(topic, payload);
    } catch (error) {
      this.destroy(`a message on ${topic} could not be taken: ${errorText(error)}`);
    }
  }

  /** Keeps the first reason for which the connection ended; the close event follows. */
  #lost(reason: string): void {
    this.#lostBecause ??= lostError(this.#broker, reason);
  }

  #finish(): void {
    const before = this.#state;
    if (before === "closed") {
      return;
    }
    this.#state = "closed";
    const reason = this.#lostBecause ?? lostError(this.#broker, "the connection was closed");
    if (this.#client !== null && this.#socket !== null) {
      discard(this.#client, this.#socket);
    }
    this.#socket?.destroy();
    this.#pending.failAll(reason);
    if (before === "open" || before === "closing") {
      for (const listener of this.#closeListeners) {
        listener(before === "closing" ? null : reason);
      }
    }
  }

  #openClient(): MqttClient {
    if (this.#state !== "open" || this.#client === null) {
      throw this.#lostBecause ?? lostError(this.#broker, "it is not open");
    }
    return this.#client;
  }

  #checkSize(topic: string, payload: Uint8Array): void {
    const bytes = payload.length + Buffer.byteLength(topic) + PUBLISH_HEAD_BYTES_MAX;
    if (this.#packetBytesMax !== null && bytes > this.#packetBytesMax) {
      throw new WardError(
        "WARD_MESSAGE_TOO_LARGE",
        `Cannot publish ${payload.length} bytes on ${topic}: the broker takes ${this.#packetBytesMax}. ` +
          "Raise the broker's packet limit or seal smaller batches.",
      );
    }
  }
}

/** Fixed header (5), topic length (2), packet id (2), empty properties (1). */
const PUBLISH_HEAD_BYTES_MAX = 10;

function discard(client: MqttClient, socket: TLSSocket): void {
  client.end(true);
  socket.destroy();
}
