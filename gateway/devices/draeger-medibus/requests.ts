import { CODES } from "./bytes.ts";

/** A command without argument that the driver sends: a question, or one that opens the conversation or keeps it open. */
export interface MedibusRequest {
  /** Its read verb. */
  readonly verb: string;
  readonly code: number;
}

export const INITIALIZE: MedibusRequest = { verb: "initialize", code: CODES.initialize };
export const IDENTIFY: MedibusRequest = { verb: "identify", code: CODES.identify };
export const KEEP_ALIVE: MedibusRequest = { verb: "keep-alive", code: CODES.keepAlive };
export const READ_OFFER: MedibusRequest = {
  verb: "read-realtime-offer",
  code: CODES.realtimeOffer,
};

/** A question that is asked again and again. */
export interface CyclicRequest extends MedibusRequest {
  /** Milliseconds between two times; null where the option `poll-ms` says it. */
  readonly everyMs: number | null;
  /** The option that turns it on; always on without one. */
  readonly option?: "texts" | "limits";
}

const SLOWLY_MS = 5000;
const RARELY_MS = 30_000;

/* One row per question. */
// oxfmt-ignore
export const CYCLIC_REQUESTS: readonly CyclicRequest[] = [
  { verb: "read-measured-1", code: CODES.measured1, everyMs: null },
  { verb: "read-measured-2", code: CODES.measured2, everyMs: null },
  { verb: "read-settings", code: CODES.settings, everyMs: SLOWLY_MS },
  { verb: "read-texts", code: CODES.texts, everyMs: SLOWLY_MS, option: "texts" },
  { verb: "read-clock", code: CODES.clock, everyMs: RARELY_MS },
  { verb: "read-low-limits-1", code: CODES.lowLimits1, everyMs: RARELY_MS, option: "limits" },
  { verb: "read-high-limits-1", code: CODES.highLimits1, everyMs: RARELY_MS, option: "limits" },
  { verb: "read-low-limits-2", code: CODES.lowLimits2, everyMs: RARELY_MS, option: "limits" },
  { verb: "read-high-limits-2", code: CODES.highLimits2, everyMs: RARELY_MS, option: "limits" },
];
