import type { ReadRecord } from "../gateway/sealing/open.ts";
import type { Keyring } from "./keyring.ts";

/**
 * Says which of some records are authentic; the keys for them must be loaded. Of records that follow each other only the last
 * needs its signature looked at: it vouches for the others by their hashes.
 */
export function makeAuthentic(
  records: Iterable<ReadRecord>,
  keyring: Keyring,
): (record: ReadRecord) => boolean {
  const byPrevious = new Map<string, ReadRecord>();
  for (const record of records) {
    if (record.place.previous !== null) {
      byPrevious.set(record.place.previous, record);
    }
  }
  const known = new Map<ReadRecord, boolean>();
  const isAuthentic = (record: ReadRecord): boolean => {
    const before = known.get(record);
    if (before !== undefined) {
      return before;
    }
    const { place, signer, hash } = record;
    const key = keyring.signingKey(place.gateway, signer, place.storedAt);
    const next = byPrevious.get(hash);
    const answer =
      key !== null &&
      ((next !== undefined && isAuthentic(next) && record.vouchedBy(next)) || record.verify(key));
    known.set(record, answer);
    return answer;
  };
  return isAuthentic;
}
