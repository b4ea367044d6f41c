import { Agent } from "node:http";
import type { Socket } from "node:net";
import { type Duplex, PassThrough } from "node:stream";

import { errorText } from "../errors.ts";

/** An HTTP agent whose connections are socket pairs to the flow host. */
export class EditorAgent extends Agent {
  readonly #connect: () => Promise<Socket>;

  constructor(connect: () => Promise<Socket>) {
    super({ keepAlive: true, maxSockets: SOCKETS_MAX, timeout: SILENT_MS });
    this.#connect = connect;
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    this.#connect().then(
      (socket) => callback?.(null, socket),
      (error: unknown) => {
        const cause = error instanceof Error ? error : new Error(errorText(error));
        // The stream is only there for the type; destroyed with an error, it would throw it at nobody.
        callback?.(cause, new PassThrough().destroy());
      },
    );
    return undefined;
  }
}

const SOCKETS_MAX = 16;
/** An editor that says nothing for this long is not waited for. */
const SILENT_MS = 30_000;
