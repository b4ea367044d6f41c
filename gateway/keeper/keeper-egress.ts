import { join } from "node:path";

import type { EgressRules } from "../egress.ts";
import { readEnrolment } from "../enrolment/enrolment-file.ts";
import { hostAndPort } from "../guard/policy.ts";
import type { KeeperConfig } from "./messages.ts";

/** Whom the keeper may call: the broker of the signed settings, the enrolment server of its claim, and the guard. */
export function keeperEgress({ settings, tuning, dataDirectory }: KeeperConfig): EgressRules {
  return {
    tcp: [hostAndPort(settings.broker.url), ...enrolmentServers(join(dataDirectory, "identity"))],
    udp: [],
    paths: tuning.guardSocket === "" ? [] : [tuning.guardSocket],
  };
}

function enrolmentServers(directory: string): EgressRules["tcp"] {
  try {
    const enrolment = readEnrolment(directory);
    return enrolment === null ? [] : [hostAndPort(enrolment.url)];
  } catch {
    // Who wants to call it says what is wrong with it.
    return [];
  }
}
