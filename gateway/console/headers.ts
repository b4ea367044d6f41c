import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";

/** What every answer carries, whatever the editor says of it. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self' wss:; worker-src 'self' blob:; frame-ancestors 'none'; object-src 'none'; base-uri 'self'; form-action 'self'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-store",
};

const COOKIE = "__Host-wardgate";

/** The cookie that carries a session. */
export function sessionCookie(session: string): string {
  return `${COOKIE}=${session}; Path=/; Secure; HttpOnly; SameSite=Strict`;
}

/** The session a browser shows, or "". */
export function sessionOf(incoming: IncomingMessage): string {
  for (const part of (incoming.headers.cookie ?? "").split(";")) {
    const [name, value] = part.trim().split("=", 2);
    if (name === COOKIE) {
      return value ?? "";
    }
  }
  return "";
}

/** A browser says where a request comes from; one that changes something or opens a channel must come from our page. */
export function isSameOrigin(incoming: IncomingMessage): boolean {
  const { origin, host } = incoming.headers;
  return origin === undefined
    ? incoming.headers.upgrade === undefined
    : origin === `https://${host}`;
}

/**
 * A browser's headers for the editor: without those of this connection (RFC 9110, 7.6.1) and without the session, which
 * is nobody's business behind this door. The body's framing stays what it was, so that a body cannot become a request.
 */
export function requestHeaders({ headers }: IncomingMessage): OutgoingHttpHeaders {
  const kept = endToEnd(headers, ["cookie", "expect", "host", "content-length"]);
  return { ...kept, host: headers.host ?? "localhost", ...framing(headers) };
}

/** The editor's headers for the browser: without those of its connection, and it sets no cookies here. */
export function answerHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return endToEnd(headers, ["set-cookie", ...Object.keys(SECURITY_HEADERS)]);
}

/** True when bytes of a body follow the headers. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return Object.keys(framing(headers)).length > 0;
}

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

function endToEnd(headers: IncomingHttpHeaders, without: readonly string[]): OutgoingHttpHeaders {
  const named = (headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  const gone = new Set([...named, ...without]);
  const kept: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    const hop = HOP_BY_HOP.has(name) || name.startsWith("proxy-");
    if (value !== undefined && !hop && !gone.has(name)) {
      kept[name] = value;
    }
  }
  return kept;
}

function framing(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  if (headers["transfer-encoding"] !== undefined) {
    return { "transfer-encoding": "chunked" };
  }
  const length = headers["content-length"];
  return length === undefined ? {} : { "content-length": length };
}
