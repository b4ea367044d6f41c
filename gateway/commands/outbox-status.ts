import { numberAt, textAt, valueAt } from "../json-value.ts";
import { spanText } from "../keeper/storage-watch.ts";

/** What `outbox status` prints: the room there is, and a line for each class. */
export function statusText(status: unknown): string {
  const link = valueAt(status, "connected") === true ? "connected" : "not connected";
  const why = textAt(status, "brokerError");
  return [
    `Broker: ${link}${why === "" ? "" : ` (${why})`}`,
    ...roomLines(valueAt(status, "room")),
    "",
    ...classLines(status),
    "",
  ].join("\n");
}

function roomLines(room: unknown): string[] {
  const [bytes, limit] = [numberAt(room, "bytes"), numberAt(room, "limit")];
  const percent = ((100 * bytes) / Math.max(1, limit)).toFixed(1);
  const held = `Outbox: ${mibText(bytes)} of ${mibText(limit)} MiB (${percent} %)`;
  const fullInMs = valueAt(room, "fullInMs");
  const rate = valueAt(room, "bytesPerSecond");
  const trend =
    typeof fullInMs === "number"
      ? `, full in ${spanText(fullInMs)} at this rate`
      : typeof rate === "number" && rate < 0
        ? ", emptying"
        : "";
  const free = valueAt(room, "freeBytes");
  const short = valueAt(room, "diskShort") === true ? ": too little, the outbox grows no more" : "";
  const disk = typeof free === "number" ? [`Disk: ${mibText(free)} MiB free${short}`] : [];
  return [`${held}${trend}`, ...disk];
}

function classLines(status: unknown): string[] {
  const classes = Object.keys(valueAt(status, "classes") ?? {});
  const rows = classes.map((name) => {
    const at = (field: string): number => numberAt(status, "classes", name, field);
    const oldest = valueAt(status, "classes", name, "oldestAt");
    return [
      name,
      at("batches").toLocaleString("en-US"),
      mibText(at("bytes")),
      typeof oldest === "number" ? new Date(oldest).toISOString() : "-",
      (at("evicted") + at("expired") + at("rejected") + at("lost")).toLocaleString("en-US"),
      policyText(valueAt(status, "policies", name)),
    ];
  });
  return [["class", "batches", "MiB", "oldest", "given up", "when full"], ...rows].map(
    ([name = "", batches = "", size = "", oldest = "", gone = "", policy = ""]) =>
      `${name.padEnd(8)}${batches.padStart(11)}${size.padStart(10)}  ${oldest.padEnd(26)}${gone.padStart(9)}  ${policy}`,
  );
}

function policyText(policy: unknown): string {
  if (typeof policy !== "object" || policy === null) {
    return "never given up";
  }
  const ttlMs = valueAt(policy, "ttlMs");
  const days = typeof ttlMs === "number" ? `, ${Math.round(ttlMs / DAY_MS)} days` : "";
  return `${textAt(policy, "whenFull")} beyond ${Math.round(100 * numberAt(policy, "share"))} %${days}`;
}

function mibText(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(bytes < 100 * 2 ** 20 ? 2 : 0);
}

const DAY_MS = 86_400_000;
