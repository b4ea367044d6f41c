import { WardError } from "../errors.ts";

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
  /**
   * What the last connection found, if there was one. 5 is always asked for first; after 5, a broker that just hangs up is
   * not taken for one that only speaks 3.1.1.
   */
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

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** Reads `mqtts://host:port` (port 8883 when none is given). @throws WardError `WARD_BROKER_URL` */
export function parseBrokerUrl(text: string): BrokerAddress {
  const url = URL.parse(text);
  if (url === null || url.protocol !== "mqtts:" || url.hostname === "" || url.username !== "") {
    throw new WardError(
      "WARD_BROKER_URL",
      "Cannot use this broker URL: it must look like mqtts://host:8883, without a user name.",
    );
  }
  // A URL writes an IPv6 address in brackets; a socket wants it without.
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return { host, port: url.port === "" ? DEFAULT_PORT : Number(url.port) };
}

/** What is said in CONNECT, and how the client behaves, in the words of mqtt.js. */
export interface SessionOptions {
  readonly clientId: string;
  readonly username?: string;
  readonly clean: true;
  readonly keepalive: number;
  readonly reconnectPeriod: 0;
  readonly resubscribe: false;
  readonly queueQoSZero: false;
  /** MQTT 5 only; 3.1.1 does not send them. */
  readonly properties: {
    readonly sessionExpiryInterval: 0;
    readonly receiveMaximum: number;
    readonly maximumPacketSize: number;
  };
  readonly will?: {
    readonly topic: string;
    readonly payload: Buffer;
    readonly retain: boolean;
    readonly qos: 1;
  };
}

/** A session that leaves nothing behind: clean start, no reconnecting, nothing queued, no topic aliases. */
export function sessionOptions(options: MqttOptions, packetBytesMax: number): SessionOptions {
  const { will } = options;
  return {
    clientId: options.clientId,
    ...(options.username === undefined ? {} : { username: options.username }),
    clean: true,
    keepalive: options.keepaliveS,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    properties: {
      sessionExpiryInterval: 0,
      receiveMaximum: options.receiveMaximum ?? RECEIVE_MAXIMUM,
      maximumPacketSize: packetBytesMax,
    },
    ...(will === undefined ? {} : { will: { ...will, payload: asBuffer(will.payload), qos: 1 } }),
  };
}

/** The same bytes as a Buffer, not copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const RECEIVE_MAXIMUM = 64;
/** Registered for MQTT over TLS. */
const DEFAULT_PORT = 8883;
