/** A ward and the beds that are in it, as the site's policy says. */
export interface WardBeds {
  /** `[a-z0-9-]{1,64}`. */
  readonly ward: string;
  /** Beginnings of device ids, up to the first `/`. */
  readonly beds: readonly string[];
}

/** What is wrong with a list of wards, as the rest of a sentence; null when it is right. */
export function wardsProblem(value: unknown): string | null {
  if (!Array.isArray(value) || value.length > WARDS_MAX) {
    return `is not a list of up to ${WARDS_MAX}`;
  }
  const entries: readonly unknown[] = value;
  const names = new Set<string>();
  const beds = new Set<string>();
  for (const [place, entry] of entries.entries()) {
    if (!isWard(entry)) {
      return `[${place}] is not {ward, beds} with up to ${BEDS_MAX} beds`;
    }
    const twice = names.has(entry.ward) ? entry.ward : entry.beds.find((bed) => beds.has(bed));
    if (twice !== undefined) {
      return `[${place}]: ${twice} is there twice`;
    }
    names.add(entry.ward);
    entry.beds.forEach((bed) => beds.add(bed));
  }
  return null;
}

/** The bed that a device belongs to. */
export function bedOf(device: string): string {
  const slash = device.indexOf("/");
  return slash < 0 ? device : device.slice(0, slash);
}

function isWard(entry: unknown): entry is WardBeds {
  if (typeof entry !== "object" || entry === null || Object.keys(entry).length !== 2) {
    return false;
  }
  const { ward, beds }: Partial<Record<keyof WardBeds, unknown>> = entry;
  return (
    typeof ward === "string" &&
    NAME.test(ward) &&
    Array.isArray(beds) &&
    beds.length <= BEDS_MAX &&
    beds.every((bed) => typeof bed === "string" && NAME.test(bed))
  );
}

const NAME = /^[a-z0-9-]{1,64}$/;
const WARDS_MAX = 64;
const BEDS_MAX = 256;
