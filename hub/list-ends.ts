import { errorText } from "../gateway/errors.ts";
import { nearEndOfLists } from "../gateway/identity/revocation.ts";
import type { HubIdentity } from "./hub-identity.ts";

/** What is to be said about the revocation lists that a hub judges gateways and brokers by, at `now` (epoch milliseconds). */
export function listEnds(
  { gatewaysCrl, serversCrl }: Pick<HubIdentity, "gatewaysCrl" | "serversCrl">,
  now: number,
): string[] {
  return [
    ...endOf("gateways", gatewaysCrl, now, "brokers refuse every gateway"),
    ...endOf("servers", serversCrl, now, "no broker is trusted"),
  ];
}

function endOf(whose: string, pem: string | undefined, now: number, then: string): string[] {
  try {
    const end = pem === undefined ? null : nearEndOfLists(pem, now);
    const day = end === null ? "" : new Date(end).toISOString().slice(0, 10);
    return end === null
      ? []
      : [
          `The list of revoked ${whose} counts until ${day}; after that ${then}. Bring a fresh one: wardgate ca crl.`,
        ];
  } catch (error) {
    return [errorText(error)];
  }
}
