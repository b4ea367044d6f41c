import type { SecureContext } from "node:tls";

/**
 * Lets go of a context whose connection has begun, instead of leaving that to the garbage collector: the connection keeps what
 * it needs of it. A key in a chip stays loaded as long as a context or a connection has it, and Linux lets a process have
 * three at a time. Node.js has a method for it and does not document it; without it nothing is wrong but the delay.
 */
export function releaseContext(context: SecureContext): void {
  const native: unknown = Reflect.get(context, "context");
  if (typeof native === "object" && native !== null) {
    const close: unknown = Reflect.get(native, "close");
    if (typeof close === "function") {
      Reflect.apply(close, native, []);
    }
  }
}
