import type {
  ClientSession,
  ClientSessionRawSubscriptionService,
  IClientTransport,
} from "./opcua-library.ts";

/** What this line may do with a session: neither Write nor Call is among it. */
export type ReadSession = Pick<
  ClientSession,
  "browse" | "browseNext" | "read" | "readNamespaceArray" | "createSubscription2" | "close"
> &
  Pick<ClientSessionRawSubscriptionService, "createMonitoredItems">;

/** A session of the library as one that reads. */
export function readSession(session: ClientSession): ReadSession {
  if (!hasRawServices(session)) {
    throw new TypeError("Cannot read: the session of this node-opcua cannot make monitored items");
  }
  return session;
}

/** The library has these services, and leaves them out of what it declares of a session. */
function hasRawServices(
  session: ClientSession,
): session is ClientSession & ClientSessionRawSubscriptionService {
  return "createMonitoredItems" in session && typeof session.createMonitoredItems === "function";
}

/** A request as the library is about to send it: what counts is the type id that stands first in its bytes. */
interface Request {
  readonly schema: { readonly encodingDefaultBinary?: { readonly value: unknown } };
}

/**
 * The gate on the way out of one connection. The library tells each request before it encodes it, and what is none of the services for
 * reading ends the connection there and then: its bytes find no socket. So no Write, Call or anything else that changes a
 * server can leave, whoever asked for it, the library itself included.
 *
 * The same is done when this gateway's clock was set forward: the library takes the keys of the connection for expired then, and
 * nothing more can be asked over it.
 */
export class ReadGate {
  readonly #transports: IClientTransport[] = [];
  readonly #onShut: (why: string) => void;
  #clockLeadMs = clockLeadMs();

  constructor(onShut: (why: string) => void) {
    this.#onShut = onShut;
  }

  /** Every transport of the connection, so that none is forgotten when it ends. */
  guard(transport: IClientTransport): void {
    this.#transports.push(transport);
  }

  /** To be called with each request before it is encoded. */
  pass(request: Request): void {
    const leadMs = clockLeadMs();
    const jumpMs = leadMs - this.#clockLeadMs;
    this.#clockLeadMs = leadMs;
    if (jumpMs > CLOCK_JUMP_MS) {
      this.#shut(`the clock of this gateway was set forward by ${Math.round(jumpMs / 1000)} s`);
    } else if (!isReading(request)) {
      this.#shut("something else than reading was about to be asked of the server");
    }
  }

  /** Ends all transports, at once. */
  close(): void {
    for (const transport of this.#transports) {
      transport.dispose();
    }
  }

  #shut(why: string): void {
    // Told first: what is closed says only that it broke.
    this.#onShut(why);
    this.close();
  }
}

/** True for a request of one of the services for reading. */
export function isReading(request: Request): boolean {
  const id = request.schema.encodingDefaultBinary?.value;
  return typeof id === "number" && READ_SERVICES.has(id);
}

/** How far the time of day is ahead of the clock that is never set. */
function clockLeadMs(): number {
  return Date.now() - performance.now();
}

/** Less than what is left of keys when they are renewed, if the server lets them live as long as they are asked for. */
const CLOCK_JUMP_MS = 60_000;

/** What reading takes: the ids of the requests' binary encodings (OPC 10000-6, NodeIds.csv). */
const READ_SERVICES: ReadonlySet<number> = new Set([
  428, // GetEndpoints
  446, // OpenSecureChannel
  452, // CloseSecureChannel
  461, // CreateSession
  467, // ActivateSession
  473, // CloseSession
  527, // Browse
  533, // BrowseNext
  631, // Read
  751, // CreateMonitoredItems
  787, // CreateSubscription
  826, // Publish
  847, // DeleteSubscriptions
]);
