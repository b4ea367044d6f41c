import { type Agent, type IncomingMessage, request, type ServerResponse } from "node:http";

import { answerHeaders, hasBody, requestHeaders } from "./headers.ts";
import { answer } from "./pages.ts";

/**
 * Passes one request on to the editor and its answer back. While the flow is away the answer is 503; an answer that cannot
 * be passed on is 502: the editor is other people's code, and nothing it says may end this process.
 */
export function forwardRequest(
  agent: Agent,
  incoming: IncomingMessage,
  response: ServerResponse,
): void {
  const upstream = request({
    agent,
    method: incoming.method ?? "GET",
    path: incoming.url ?? "/",
    headers: requestHeaders(incoming),
  });
  let heard = false;
  const fail = (status: 502 | 503): void => {
    upstream.destroy();
    if (response.headersSent) {
      response.destroy();
    } else {
      response.setHeader("Retry-After", "2");
      answer(
        response,
        status,
        FAILURES[status],
        "Values are still being collected. Try again in a moment.",
      );
    }
  };
  upstream.on("response", (answered) => {
    heard = true;
    try {
      response.writeHead(answered.statusCode ?? 0, answerHeaders(answered.headers));
    } catch {
      fail(502);
      return;
    }
    answered.on("error", () => response.destroy());
    answered.pipe(response);
  });
  // Nobody asked for another protocol.
  upstream.on("upgrade", (_answered, socket) => {
    socket.destroy();
    fail(502);
  });
  upstream.on("timeout", () => fail(503));
  upstream.on("error", (error) => fail(isParseError(error) ? 502 : 503));
  upstream.on("close", () => {
    if (!heard && !response.headersSent) {
      fail(503);
    }
  });
  response.on("close", () => upstream.destroy());
  sendBody(incoming, upstream);
}

function sendBody(incoming: IncomingMessage, upstream: ReturnType<typeof request>): void {
  if (!hasBody(incoming)) {
    upstream.end();
    return;
  }
  let received = 0;
  incoming.on("data", (chunk: Buffer) => {
    received += chunk.length;
    if (received > BODY_BYTES_MAX) {
      upstream.destroy();
      incoming.destroy();
    }
  });
  incoming.pipe(upstream);
}

const BODY_BYTES_MAX = 8 * 1024 * 1024;

const FAILURES = { 502: "The editor answered oddly", 503: "The flow is starting" } as const;

/** llhttp's errors: what came is not HTTP. */
function isParseError(error: Error): boolean {
  return "code" in error && String(error.code).startsWith("HPE_");
}
