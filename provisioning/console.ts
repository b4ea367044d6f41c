import { join } from "node:path";

import { createRoot, issueServer } from "./ca.ts";
import { writePrivate } from "./private-files.ts";

/**
 * Gives a gateway its console certificate, for the browser of the engineer: `console/` in its data directory. It hangs
 * under a root of its own whose key is thrown away, so that a box's web certificate is worth nothing anywhere else;
 * `console-root.crt.pem` is what a browser may be told to trust.
 */
export async function addConsole(dataDirectory: string, names: readonly string[]): Promise<void> {
  const root = await createRoot("servers", "Wardgate console");
  const identity = await issueServer(root, names);
  await writePrivate(join(dataDirectory, "console", "console-root.crt.pem"), root.certificate);
  await writePrivate(join(dataDirectory, "console", "console.crt.pem"), identity.certificate);
  await writePrivate(join(dataDirectory, "console", "console.key.pem"), identity.key);
}
