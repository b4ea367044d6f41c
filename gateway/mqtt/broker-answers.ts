import { classifyTls } from "./broker-tls.ts";
import { errorText, WardError } from "../errors.ts";

/** What a broker's answers mean for the one who keeps the data. Pure: errors and reason codes in, WardErrors out. */
export interface Attempt {
  /** `host:port`, for messages. */
  readonly broker: string;
  /**
   * Whether MQTT 3.1.1 may be tried next: "no"; only when the broker says that it does not speak 5; or also when it just
   * hangs up, as some do.
   */
  readonly fallBack: "no" | "if-told" | "if-closed";
}

/**
 * Why the broker did not let us in, or "other-version" when it may only be that it does not speak MQTT 5.
 * `error` is what the socket or the MQTT client said between the TLS handshake and CONNACK.
 */
export function judgeRefusal(error: unknown, attempt: Attempt): WardError | "other-version" {
  const { broker, fallBack } = attempt;
  const reason = connackReason(error);
  const isTold = isVersionReason(reason) && fallBack !== "no";
  if (isTold || (fallBack === "if-closed" && isPlainEnd(error))) {
    return "other-version";
  }
  if (reason !== null) {
    return new WardError(
      "WARD_BROKER_REFUSED",
      `Cannot connect to broker ${broker}: it answered ${reason} (${reasonText(reason)}). ` +
        "Check the broker's users, client ids and access rules.",
      { cause: error },
    );
  }
  if (errorText(error) === CONNACK_TIMEOUT) {
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

/** An established connection has ended, or one that is not open was used. */
export function lostError(broker: string, why: string): WardError {
  return new WardError("WARD_BROKER_LOST", `Lost the connection to broker ${broker}: ${why}.`);
}

/** A broker that lets us in on terms we cannot work with. */
export function unusableError(broker: string, why: string): WardError {
  return new WardError(
    "WARD_BROKER_REFUSED",
    `Cannot use broker ${broker}: ${why}. Correct its configuration.`,
  );
}

/** A publish that was answered with a negative PUBACK, or with nothing. */
export function publishError(topic: string, error: Error): WardError {
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

export function subscribeError(filters: readonly string[], error: Error): WardError {
  return new WardError(
    "WARD_SUBSCRIBE_REFUSED",
    `Cannot subscribe to ${filters.join(", ")}: ${errorText(error)}. Check the broker's access rules.`,
    { cause: error },
  );
}

/** A reason code of MQTT 5 section 2.4, or a CONNACK return code of MQTT 3.1.1 section 3.2.2.3, in words. */
export function reasonText(reason: number): string {
  return REASONS[reason] ?? `reason code ${reason}`;
}

/** What mqtt.js says when CONNACK does not come in time. */
const CONNACK_TIMEOUT = "connack timeout";
const CONNACK_REFUSED = "Connection refused: ";

/** The code of a refusing CONNACK, or null when the error is something else. */
function connackReason(error: unknown): number | null {
  const isRefusal = error instanceof Error && error.message.startsWith(CONNACK_REFUSED);
  return isRefusal && "code" in error && typeof error.code === "number" ? error.code : null;
}

/** 1 is what a 3.1.1 broker answers to version 5 (MQTT 3.1.1 section 3.2.2.3), 132 what one of version 5 would. */
function isVersionReason(reason: number | null): boolean {
  return reason === 1 || reason === 132;
}

/** True when the broker just hung up, or answered in a form that MQTT 5 does not know, without a TLS alert. */
function isPlainEnd(error: unknown): boolean {
  if (!(error instanceof Error) || error.message === CONNACK_TIMEOUT) {
    return false;
  }
  const code = "code" in error ? error.code : undefined;
  return code === undefined || code === "ECONNRESET" || code === "EPIPE";
}

const REASONS: Readonly<Record<number, string>> = {
  1: "unacceptable protocol version",
  2: "client id rejected",
  3: "server unavailable",
  4: "bad user name or password",
  5: "not authorized",
  16: "no matching subscribers",
  128: "unspecified error",
  129: "malformed packet",
  130: "protocol error",
  131: "implementation specific error",
  132: "unsupported protocol version",
  133: "client id not valid",
  134: "bad user name or password",
  135: "not authorized",
  136: "server unavailable",
  137: "server busy",
  138: "banned",
  139: "server shutting down",
  140: "bad authentication method",
  141: "keep alive timeout",
  142: "session taken over",
  143: "topic filter invalid",
  144: "topic name invalid",
  147: "receive maximum exceeded",
  149: "packet too large",
  150: "message rate too high",
  151: "quota exceeded",
  152: "administrative action",
  153: "payload format invalid",
  154: "retain not supported",
  155: "QoS not supported",
  156: "use another server",
  157: "server moved",
  159: "connection rate exceeded",
  160: "maximum connect time",
};
