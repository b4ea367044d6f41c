import type { KeeperParts } from "./parts.ts";

/** What comes to an end some day: the certificate (epoch milliseconds), room in the outbox (bytes, and milliseconds until it is full). */
export function endsOf({ identity, outbox }: Pick<KeeperParts, "identity" | "outbox">): object {
  const { limit, bytes, fullInMs } = outbox.room;
  const certificateEnd = identity.certificate.validToDate.getTime();
  return { certificateEnd, freeBytes: Math.max(0, limit - bytes), fullInMs };
}
