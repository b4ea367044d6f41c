import type { TLSSocket } from "node:tls";

import { MqttClient, ReasonCodes } from "mqtt";

import { classifyTls, openBrokerTls, tlsFacts, type TlsFacts } from "./broker-tls.ts";
import { errorText, WardError } from "./errors.ts";
import { PacketGuard } from "./mqtt-packet-guard.ts";

/** How to reach the broker and who we are. Certificates and keys are PEM text. */
export interface MqttOptions {
  /** `mqtts://host:port`. */
  readonly url: string;
  /** The name (or IP address) the broker's certificate must carry. */
  readonly serverName: string;
  readonly clientId: string;
  /** Only for brokers that do not take the name from the certificate. */
  readonly username?: string | undefined;
  /** The servers root or roots; the system's roots are never used. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Revocation lists of the servers roots ("X509 CRL" PEM). */
  readonly crl?: string | undefined;
  /** A dead connection is noticed after 1.5 times this (seconds, 1-300). */
  readonly keepaliveS: number;
  /** For TCP, TLS and CONNACK together, per protocol version tried (milliseconds; default 10000). */
  readonly connectMs?: number | undefined;
  readonly will?: MqttWill | undefined;
  /** How many unacknowledged messages the broker may have on the way to us (MQTT 5; default 64). */
  readonly receiveMaximum?: number | undefined;
  /** 5 or 4 (= MQTT 3.1.1) skips asking for 5 first: give what the last connection found. */
  readonly protocolVersion?: ProtocolVersion | undefined;
  /** The longest packet we take from the broker (bytes; default 16 MiB). */
  readonly packetBytesMax?: number | undefined;
}

/** What the broker publishes for us when the connection ends without a word. QoS 1. */
export interface MqttWill {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
}

/** 4 is MQTT 3.1.1. */
export type ProtocolVersion = 4 | 5;

export type MessageListener = (topic: string, payload: Uint8Array) => void;
/** Called once when an established connection has ended; null after our own `close()`. */
export type CloseListener = (error: WardError | null) => void;

/** A connection to a broker that has not been made yet; call `connect()` once. Throws on an unusable URL. */
export function openMqtt(options: MqttOptions): MqttConnection {
  return new MqttConnection(options);
}

const CONNECT_MS = 10_000;
const RECEIVE_MAXIMUM = 64;
const PACKET_BYTES_MAX = 16 * 2 ** 20;
/** The disconnect packet and the TLS close may take this long before the socket is cut. */
const CLOSE_MS = 2000;
/** MQTT has 16-bit packet identifiers, of which 0 is not used. */
const INFLIGHT_MAX = 65_535;

/**
 * One connection to one broker. It never reconnects and never queues while offline: whoever holds the data makes a new
 * one. Clean start, session expiry 0, QoS 1 both ways.
 */
export class MqttConnection {
  readonly #options: MqttOptions;
  readonly #host: string;
  readonly #port: number;
  readonly #messageListeners: MessageListener[] = [];
  readonly #closeListeners: CloseListener[] = [];
  /** What fails when the connection ends: publishes and subscribes without an answer. */
  readonly #pending: Set<(error: WardError) => void> = new Set();
  /** Publishes beyond what the broker takes at a time, oldest first. */
  readonly #waiting: (() => void)[] = [];
  #client: MqttClient | null = null;
  #socket: TLSSocket | null = null;
  #tls: TlsFacts | null = null;
  #version: ProtocolVersion;
  #state: "new" | "connecting" | "open" | "closing" | "closed" = "new";
  #inflight = 0;
  #inflightMax = INFLIGHT_MAX;
  #packetBytesMax: number | null = null;
  #lastAckReason = 0;
  #lostBecause: WardError | null = null;
  #paused = false;
  #held: (() => void) | null = null;

  constructor(options: MqttOptions) {
    const url = URL.parse(options.url);
    if (url === null || url.protocol !== "mqtts:" || url.hostname === "") {
      throw new WardError(
        "WARD_BROKER_URL",
        `Cannot use broker URL ${options.url}: it must look like mqtts://host:8883.`,
      );
    }
    this.#options = options;
    // A URL writes an IPv6 address in brackets; a socket wants it without.
    this.#host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    this.#port = url.port === "" ? 8883 : Number(url.port);
    this.#version = options.protocolVersion ?? 5;
  }

  get connected(): boolean {
    return this.#state === "open";
  }

  /** 5, or 4 for MQTT 3.1.1. Certain once connected; give it to the next connection to save a round. */
  get protocolVersion(): ProtocolVersion {
    return this.#version;
  }

  /** What TLS agreed on, or null before. */
  get tls(): TlsFacts | null {
    return this.#tls;
  }

  /** How many publishes may be without an answer at a time, as the broker says. */
  get inflightMax(): number {
    return this.#inflightMax;
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
      throw error;
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
    await this.#turn();
    try {
      return await this.#pend<number>((settle) => {
        this.#openClient().publish(
          topic,
          asBuffer(payload),
          { qos: 1, retain: options.retain ?? false },
          (error) => settle(error ? publishError(topic, error) : null, this.#lastAckReason),
        );
      });
    } finally {
      this.#inflight -= 1;
      this.#waiting.shift()?.();
    }
  }

  /**
   * Subscribes with QoS 1 and waits for the broker's answer.
   * @throws WardError `WARD_SUBSCRIBE_REFUSED` or `WARD_BROKER_LOST`
   */
  async subscribe(filters: readonly string[]): Promise<void> {
    await this.#pend<null>((settle) => {
      this.#openClient().subscribe([...filters], { qos: 1 }, (error) => {
        settle(error ? subscribeError(filters, error) : null, null);
      });
    });
  }

  /** Adds a listener. A message is acknowledged right after all listeners returned; a listener must not throw. */
  onMessage(listener: MessageListener): void {
    this.#messageListeners.push(listener);
  }

  onClose(listener: CloseListener): void {
    this.#closeListeners.push(listener);
  }

  /**
   * Stops reading after the next message, so that TCP holds the broker back. Answers to our own publishes and pings wait
   * too: never await a publish while paused, and resume well within the keep-alive time.
   */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const held = this.#held;
    this.#held = null;
    held?.();
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

  /** Cuts the connection without a word: for a broker that stopped answering. The broker then sends the will. */
  destroy(): void {
    if (this.#state === "connecting") {
      this.#socket?.destroy();
      return;
    }
    this.#finish();
  }

  async #attempt(): Promise<"connected" | "other-version"> {
    const options = this.#options;
    const connectMs = options.connectMs ?? CONNECT_MS;
    const startedAt = performance.now();
    const socket = await openBrokerTls({
      host: this.#host,
      port: this.#port,
      serverName: options.serverName,
      ca: options.ca,
      cert: options.cert,
      key: options.key,
      crl: options.crl,
      connectMs,
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
      const verdict = this.#judge(error);
      if (verdict === "other-version") {
        resolve(verdict);
      } else {
        reject(verdict);
      }
    };
    socket.on("error", failed);
    const client = this.#makeClient(socket, leftMs);
    client.on("error", failed);
    client.once("close", () => failed(new Error("closed before the broker answered")));
    client.once("connect", ({ properties }) => {
      this.#opened(client, socket, properties ?? {});
      resolve("connected");
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

  #makeClient(socket: TLSSocket, connectTimeout: number): MqttClient {
    const options = this.#options;
    const packetBytesMax = options.packetBytesMax ?? PACKET_BYTES_MAX;
    const guard = new PacketGuard(packetBytesMax);
    socket.on("data", (chunk: Buffer) => {
      if (!guard.accept(chunk)) {
        socket.destroy(new Error(`the broker sent a packet of more than ${packetBytesMax} bytes`));
      }
    });
    const { will } = options;
    return new MqttClient(() => socket, {
      protocolVersion: this.#version,
      clientId: options.clientId,
      ...(options.username === undefined ? {} : { username: options.username }),
      clean: true,
      keepalive: options.keepaliveS,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      connectTimeout,
      ...(this.#version === 5
        ? {
            properties: {
              sessionExpiryInterval: 0,
              receiveMaximum: options.receiveMaximum ?? RECEIVE_MAXIMUM,
              maximumPacketSize: packetBytesMax,
            },
          }
        : {}),
      ...(will === undefined ? {} : { will: { ...will, payload: asBuffer(will.payload), qos: 1 } }),
    });
  }

  #opened(
    client: MqttClient,
    socket: TLSSocket,
    limits: { receiveMaximum?: number; maximumPacketSize?: number },
  ): void {
    this.#client = client;
    this.#state = "open";
    this.#inflightMax = limits.receiveMaximum ?? INFLIGHT_MAX;
    this.#packetBytesMax = limits.maximumPacketSize ?? null;
    client.on("packetreceive", (packet) => {
      if (packet.cmd === "puback") {
        // mqtt.js calls the publish callback in the same turn and does not pass this on.
        this.#lastAckReason = packet.reasonCode ?? 0;
      }
    });
    client.on("message", (topic, payload) => {
      for (const listener of this.#messageListeners) {
        listener(topic, payload);
      }
    });
    client.handleMessage = (_packet, done) => {
      if (this.#paused) {
        this.#held = () => done();
      } else {
        done();
      }
    };
    client.on("disconnect", ({ reasonCode }) => this.#lost(reasonText(reasonCode ?? 0)));
    client.on("error", (error) => this.#lost(errorText(error)));
    socket.on("error", (error) => this.#lost(errorText(error)));
    client.on("close", () => this.#finish());
  }

  /** Keeps the first reason for which the connection ended; the close event follows. */
  #lost(reason: string): void {
    this.#lostBecause ??= this.#lostError(reason);
  }

  #lostError(reason: string): WardError {
    return new WardError(
      "WARD_BROKER_LOST",
      `Lost the connection to broker ${this.#host}:${this.#port}: ${reason}.`,
    );
  }

  #finish(): void {
    const before = this.#state;
    if (before === "closed") {
      return;
    }
    this.#state = "closed";
    const reason = this.#lostBecause ?? this.#lostError("the connection was closed");
    if (this.#client !== null && this.#socket !== null) {
      discard(this.#client, this.#socket);
    }
    this.#socket?.destroy();
    for (const fail of this.#pending) {
      fail(reason);
    }
    for (const go of this.#waiting.splice(0)) {
      go();
    }
    if (before === "open" || before === "closing") {
      for (const listener of this.#closeListeners) {
        listener(before === "closing" ? null : reason);
      }
    }
  }

  /** What a failure before CONNACK means. */
  #judge(error: unknown): WardError | "other-version" {
    const broker = `${this.#host}:${this.#port}`;
    const reason = connackReason(error);
    if (this.#version === 5 && this.#options.protocolVersion === undefined) {
      // 1 is what a 3.1.1 broker answers to version 5 (MQTT 3.1.1 section 3.2.2.3), 132 what a 5 broker answers to others.
      if (reason === 1 || reason === 132 || isPlainEnd(error)) {
        return "other-version";
      }
    }
    if (reason !== null) {
      return new WardError(
        "WARD_BROKER_REFUSED",
        `Cannot connect to broker ${broker}: it answered ${reason} (${reasonText(reason)}). ` +
          "Check the broker's users, client ids and access rules.",
        { cause: error },
      );
    }
    if (errorText(error) === "connack timeout") {
      return new WardError(
        "WARD_BROKER_UNREACHABLE",
        `Cannot connect to broker ${broker}: no answer to CONNECT. Check the broker's health.`,
        { cause: error },
      );
    }
    if (isPlainEnd(error)) {
      return new WardError(
        "WARD_IDENTITY_REFUSED",
        `Cannot connect to broker ${broker}: it closed the connection without an answer. ` +
          "It probably refuses our certificate; see the broker's log.",
        { cause: error },
      );
    }
    return classifyTls(error, broker);
  }

  #openClient(): MqttClient {
    if (this.#state !== "open" || this.#client === null) {
      throw this.#lostBecause ?? this.#lostError("it is not open");
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

  /** Takes one of the places for unanswered publishes; the publish that ends hands its place on. */
  async #turn(): Promise<void> {
    if (this.#inflight >= this.#inflightMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#inflight += 1;
  }

  async #pend<T>(start: (settle: (error: WardError | null, value: T) => void) => void): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#pending.add(reject);
    try {
      start((error, value) => {
        if (error === null) {
          resolve(value);
        } else {
          reject(error);
        }
      });
      return await promise;
    } finally {
      this.#pending.delete(reject);
    }
  }
}

/** Fixed header (5), topic length (2), packet id (2), empty properties (1). */
const PUBLISH_HEAD_BYTES_MAX = 10;

function discard(client: MqttClient, socket: TLSSocket): void {
  client.end(true);
  socket.destroy();
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The code of a refusing CONNACK, or null when the error is something else. */
function connackReason(error: unknown): number | null {
  const isRefusal = error instanceof Error && error.message.startsWith("Connection refused: ");
  return isRefusal && "code" in error && typeof error.code === "number" ? error.code : null;
}

/** True when the broker just hung up, or answered in a form that MQTT 5 does not know, without a TLS alert. */
function isPlainEnd(error: unknown): boolean {
  if (!(error instanceof Error)) {
    return false;
  }
  const code = "code" in error ? error.code : undefined;
  return (
    (code === undefined && error.message !== "connack timeout") ||
    code === "ECONNRESET" ||
    code === "EPIPE"
  );
}

function reasonText(reason: number): string {
  const known: Readonly<Record<number, string>> = ReasonCodes;
  return (known[reason] ?? "") || `reason code ${reason}`;
}

function publishError(topic: string, error: Error): WardError {
  const reason = "code" in error && typeof error.code === "number" ? error.code : null;
  if (reason === null) {
    return new WardError("WARD_BROKER_LOST", `Cannot publish on ${topic}: ${errorText(error)}.`, {
      cause: error,
    });
  }
  return new WardError(
    "WARD_PUBLISH_REFUSED",
    `Cannot publish on ${topic}: the broker answered ${reason} (${reasonText(reason)}). Check its access rules.`,
    { cause: error },
  );
}

function subscribeError(filters: readonly string[], error: Error): WardError {
  return new WardError(
    "WARD_SUBSCRIBE_REFUSED",
    `Cannot subscribe to ${filters.join(", ")}: ${errorText(error)}. Check the broker's access rules.`,
    { cause: error },
  );
}
