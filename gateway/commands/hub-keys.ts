import { resolve } from "node:path";

import { type HubKeys, readHubKeys } from "../../provisioning/site.ts";
import { WardError } from "../errors.ts";
import { listed } from "./ca-options.ts";

/**
 * The public keys of the hubs in `DIR,DIR,...`: whom readings are sealed to, and whose receipts count.
 * @throws WardError `WARD_USAGE` (their receipt keys differ), or of the file system
 */
export async function hubKeysOf(directories: string): Promise<HubKeys> {
  const hubs = listed(directories).map((directory) => readHubKeys(resolve(directory)));
  return combined(await Promise.all(hubs));
}

/** Hubs that read the same gateway have one receipt key; each may have a recipient key of its own. */
function combined(keys: readonly HubKeys[]): HubKeys {
  const [first, ...more] = keys;
  if (first === undefined || more.some(({ receiptKey }) => receiptKey !== first.receiptKey)) {
    throw new WardError(
      "WARD_USAGE",
      "Cannot sign settings for these hubs together: their receipt keys differ.",
    );
  }
  const recipients = new Map(
    keys.flatMap((one) => one.recipients.map((recipient) => [recipient.kid, recipient] as const)),
  );
  return { recipients: [...recipients.values()], receiptKey: first.receiptKey };
}
