import type { ReadVerb } from "../device.ts";

/**
 * All that may ever be sent: four messages, written out here byte for byte with the checksums that were published. None has a
 * field after its name, and a name without a field only asks. REMOTE_CTRL, REMOTE_CFG, INF_RATE, INF_START, INF_STOP,
 * INF_VI_CLEAR, INF_BOLUS and INF_VTBI with fields change something and are none of these.
 */
export const VERBS: readonly ReadVerb[] = [
  exactly(
    "ask-serial-number",
    "!INST_SERIALNO|457D\r",
    "Asks for the serial number of the pump; without a field it sets nothing.",
  ),
  exactly(
    "ask-infusion",
    "!INF|4961\r",
    "Asks for rate, volume infused, pressure and mode; the message has no field that could set one.",
  ),
  exactly(
    "ask-volume-to-infuse",
    "!INF_VTBI|8456\r",
    "Asks for the volume to be infused; setting it would need ACTIV or DEACT as a field.",
  ),
  exactly(
    "ask-syringe",
    "!SYRINGE_STATUS|4102\r",
    "Asks which syringe the user has confirmed; without a field it confirms nothing.",
  ),
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
