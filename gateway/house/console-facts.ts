import type {
  ClassFact,
  DeviceFact,
  FactsEvent,
  LinkFact,
  NoticeFact,
  RoomFact,
} from "../console/contract.ts";
import { numberAt, textAt, valueAt } from "../json-value.ts";
import { CLASSES } from "../reading.ts";
import type { Health } from "./health.ts";

/** What the rooms last said of themselves, and what main knows. */
export interface FactParts {
  readonly gateway: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly health: Health;
  /** `mqtts://host:port`. */
  readonly broker: string;
  readonly rooms: readonly RoomFact[];
  /** Newest first. */
  readonly notices: readonly NoticeFact[];
  readonly bedside: unknown;
  readonly keeper: unknown;
}

/** Everything that the pages may show of the gateway; the console takes out what somebody may not know. Pure. */
export function consoleFacts(parts: FactParts): Required<FactsEvent> {
  const { gateway, at, health, rooms, notices, bedside } = parts;
  return {
    at,
    gateway,
    health: { state: health.state, text: health.text },
    clock: textAt(bedside, "clock") || "unsynchronised",
    flowsUp: rooms.some(({ room, running }) => room === "flowhost" && running),
    devices: deviceFacts(parts),
    link: linkFact(parts),
    rooms,
    notices,
  };
}

function deviceFacts({ bedside }: FactParts): DeviceFact[] {
  return Object.keys(valueAt(bedside, "lines") ?? {})
    .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .map((device) => ({
      device,
      model: textAt(bedside, "read", device, "model"),
      line: textAt(bedside, "read", device, "line"),
      state: textAt(bedside, "lines", device, "state"),
      text: textAt(bedside, "lines", device, "text"),
      since: numberAt(bedside, "lines", device, "since"),
      rate: numberAt(bedside, "lines", device, "rate"),
      badBytes: numberAt(bedside, "lines", device, "badBytes"),
    }));
}

function linkFact({ broker, bedside, keeper }: FactParts): LinkFact {
  return {
    connected: valueAt(keeper, "connected") === true,
    broker,
    classes: CLASSES.map((name): ClassFact => {
      const taken = (field: string): number => numberAt(bedside, "classes", name, field);
      const waiting = (field: string): number =>
        numberAt(keeper, "classes", name, "backlog", field);
      return {
        class: name,
        taken: taken("taken"),
        stored: taken("stored"),
        withheld: taken("withheld"),
        refused: taken("refused"),
        lost: taken("dropped") + taken("evicted"),
        waitingBatches: waiting("batches"),
        waitingBytes: waiting("bytes"),
        oldestAt: numberOrNull(valueAt(keeper, "classes", name, "backlog", "oldestAt")),
      };
    }),
    freeBytes: numberOrNull(valueAt(keeper, "freeBytes")),
    certificateEnd: numberOrNull(valueAt(keeper, "certificateEnd")),
  };
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
