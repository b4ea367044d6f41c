/**
 * Who may say what to whom on a ward's broker. The embedded broker asks these functions; the mosquitto access lists in
 * provisioning/mosquitto say the same.
 */

/** A client as its certificate tells: which root vouches for it, and its CN. */
export interface Peer {
  readonly role: "gateway" | "hub";
  readonly name: string;
}

/** Bytes in a topic or a filter, at most. */
export const TOPIC_BYTES_MAX = 256;

/** A gateway speaks only for itself; a hub only answers gateways. Only a gateway's state and journal may be retained. */
export function mayPublish(peer: Peer, topic: string, retain: boolean): boolean {
  const place = placeOf(topic);
  if (place === null || place.gateway === "+" || /[+#]/.test(topic)) {
    return false;
  }
  if (peer.role === "hub") {
    return place.branch === "down" && place.rest.length > 0 && !retain;
  }
  if (place.gateway !== peer.name) {
    return false;
  }
  switch (place.branch) {
    case "up":
      return place.rest.length > 0 && !retain;
    case "state":
    case "journal":
      return place.rest.length === 0;
    default:
      return false;
  }
}

/** A gateway hears only what is meant for it; a hub hears what gateways send, of all or of one. */
export function maySubscribe(peer: Peer, filter: string): boolean {
  const place = placeOf(filter);
  if (place === null) {
    return false;
  }
  if (peer.role === "gateway") {
    return place.gateway === peer.name && place.branch === "down" && place.rest.length > 0;
  }
  switch (place.branch) {
    case "up":
      return place.rest.length > 0;
    case "state":
    case "journal":
      return place.rest.length === 0;
    default:
      return false;
  }
}

interface Place {
  readonly gateway: string;
  readonly branch: string;
  readonly rest: readonly string[];
}

/** Splits `ward/v1/<gateway or +>/<branch>/...`; null for anything else. */
function placeOf(topic: string): Place | null {
  if (Buffer.byteLength(topic) > TOPIC_BYTES_MAX) {
    return null;
  }
  const [ward, version, gateway, branch, ...rest] = topic.split("/");
  if (ward !== "ward" || version !== "v1" || gateway === undefined || branch === undefined) {
    return null;
  }
  return GATEWAY_LEVEL.test(gateway) ? { gateway, branch, rest } : null;
}

const GATEWAY_LEVEL = /^(?:\+|[a-z0-9-]{3,64})$/;
