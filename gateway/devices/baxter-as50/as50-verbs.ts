import type { ReadVerb } from "../device.ts";

/**
 * All that may ever be sent: six questions, written out here byte for byte with the checksums that were published. A
 * message with `=` sets something and `[BOLST]` starts a bolus; neither is among them.
 */
export const VERBS: readonly ReadVerb[] = [
  exactly("ask-status", "[STATUS?]\xc3\x4b", "Asks what the pump is doing; `?` only asks."),
  exactly("ask-device", "[DEV?]\x8b\x1c", "Asks what device this is; `?` only asks."),
  exactly("ask-rate", "[PRIRATE?]\x34\x44", "Asks for the primary rate; setting it needs `=`."),
  exactly("ask-bolus-rate", "[BOLRAT?]\x12\x78", "Asks for the bolus rate; setting it needs `=`."),
  exactly("ask-bolus-size", "[BOLSIZ?]\x26\xeb", "Asks for the bolus size; setting it needs `=`."),
  exactly("ask-last-bolus", "[LBOLUS?]\x37\xb7", "Asks for the last bolus; `?` only asks."),
];

function exactly(verb: string, message: string, doc: string): ReadVerb {
  return {
    verb,
    doc,
    matches: (bytes) =>
      bytes.length === message.length &&
      bytes.every((byte, place) => byte === message.charCodeAt(place)),
  };
}
