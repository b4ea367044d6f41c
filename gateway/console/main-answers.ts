import { WardError } from "../errors.ts";
import type { FactsEvent, JournalPage } from "./contract.ts";

/*
 * What main answers. It is trusted; these only narrow the type of what came by way of the process channel, and say so when it is not what was
 * asked for. Each throws WardError `WARD_ROOM_MESSAGE`.
 */

/** The document of accounts, or null when there is none. */
export function documentOf(answer: unknown): string | null {
  const { text }: { text?: unknown } = Object(answer);
  if (typeof text !== "string" && text !== null) {
    throw unusable("the accounts");
  }
  return text;
}

export function journalPageOf(answer: unknown): JournalPage {
  if (!isJournalPage(answer)) {
    throw unusable("the journal");
  }
  return answer;
}

export function factsOf(answer: unknown): FactsEvent {
  if (!isFacts(answer)) {
    throw unusable("the gateway's facts");
  }
  return answer;
}

function isJournalPage(value: unknown): value is JournalPage {
  const { size, entries }: Partial<Record<keyof JournalPage, unknown>> = Object(value);
  return typeof size === "number" && Array.isArray(entries);
}

function isFacts(value: unknown): value is FactsEvent {
  const { health, devices }: Partial<Record<keyof FactsEvent, unknown>> = Object(value);
  return typeof health === "object" && health !== null && Array.isArray(devices);
}

function unusable(what: string): WardError {
  return new WardError("WARD_ROOM_MESSAGE", `Cannot show ${what}: main gave something else.`);
}
