/** What an MQTT broker may do on a connection like ours: QoS 1 both ways, no topic aliases. Pure. */

/** The properties of a CONNACK that matter here (MQTT 5 section 3.2.2.3); a 3.1.1 broker has none. */
export interface ConnackProperties {
  readonly receiveMaximum?: number;
  readonly maximumQoS?: number;
  readonly retainAvailable?: boolean;
  readonly maximumPacketSize?: number;
  readonly serverKeepAlive?: number;
}

/** What the broker grants for one connection. */
export interface Grants {
  /** Messages without an answer, at most. */
  readonly inflightMax: number;
  /** The longest packet it takes (bytes), or null when it did not say. */
  readonly packetBytesMax: number | null;
  readonly mayRetain: boolean;
  /** Seconds. A broker may ask for pings more often, never more rarely: that is how a dead connection is found. */
  readonly keepaliveS: number;
}

/** Reads what the broker grants, or says why nothing can be sent through it. `keepaliveS` is what we asked for. */
export function readGrants(properties: ConnackProperties, keepaliveS: number): Grants | string {
  const { receiveMaximum, maximumQoS, maximumPacketSize, serverKeepAlive } = properties;
  if (maximumQoS === 0) {
    return "it takes no message with QoS 1";
  }
  if (receiveMaximum === 0 || maximumPacketSize === 0) {
    return "it grants a receive maximum or packet size of 0, which MQTT 5 forbids";
  }
  return {
    inflightMax: receiveMaximum ?? INFLIGHT_MAX,
    packetBytesMax: maximumPacketSize ?? null,
    mayRetain: properties.retainAvailable !== false,
    keepaliveS: Math.min(keepaliveS, serverKeepAlive || keepaliveS),
  };
}

/** A packet as far as its right to be sent goes. */
export interface ReceivedPacket {
  readonly cmd: string;
  readonly qos?: number;
}

/**
 * Why a packet after CONNACK breaks the protocol, or null. Whoever sends such packets may not be believed about what it
 * has taken: the connection has to end.
 */
export function conductProblem(packet: ReceivedPacket): string | null {
  switch (packet.cmd) {
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return `it sent ${packet.cmd.toUpperCase()}, and nothing goes with QoS 2`;
    case "connect":
    case "subscribe":
    case "unsubscribe":
    case "pingreq":
      return `it sent ${packet.cmd.toUpperCase()}, which only a client may`;
    case "publish":
      return packet.qos === 2 ? "it sent a message with QoS 2, and we asked for QoS 1" : null;
    default:
      return null;
  }
}

/** MQTT has 16-bit packet identifiers, of which 0 is not used. */
const INFLIGHT_MAX = 65_535;
