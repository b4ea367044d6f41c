import type { StreamDriver } from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import { MedibusDecoder } from "./decoder.ts";
import { streamsProblem } from "./realtime-offer.ts";
import { VERBS } from "./verbs.ts";

/**
 * Draeger ventilators, anaesthesia machines and others that speak MEDIBUS or MEDIBUS.X: slow data are asked for, each message
 * `ESC|SOH code text checksum CR`; realtime data, bytes with bit 7 set, come in between at any place. The device asks as well, and
 * must be answered.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "draeger-medibus",
    maker: "Draeger",
    protocol: "MEDIBUS, MEDIBUS.X",
    lines: SERIAL_LINES,
    evidence: "A",
    mode: "active",
    source:
      "Draeger RS 232 MEDIBUS Protocol Definition 90 28 258; MEDIBUS for Draeger Intensive Care Devices 90 28 329",
    quietMs: 12_000,
  },
  serial: { baud: 19_200, format: "8N1", flow: "none" },
  verbs: VERBS,
  options: [
    {
      name: "poll-ms",
      doc: "How often the measured data are asked for, as far as the line is fast enough",
      default: 1000,
      minimum: 500,
      maximum: 5000,
      unit: "ms",
    },
    {
      name: "texts",
      doc: "Ask for the text messages, which say the ventilation mode and whether the device simulates",
      default: true,
    },
    {
      name: "limits",
      doc: "Ask for the alarm limits that the device is set to",
      default: false,
    },
    {
      name: "waves",
      doc: "Have the device send its realtime curves",
      default: true,
    },
    {
      name: "streams",
      doc: 'Which realtime curves, in this order, as codes of the README ("00 01 03"); "auto" takes pressure, flow and CO2 or volume. A recording without the questions is read as if these had been selected',
      default: "auto",
    },
    {
      name: "profile",
      doc: "What the few codes mean that MEDIBUS.X has changed; auto knows older intensive care devices by their number and leaves those codes without a name for others",
      default: "auto",
      choices: ["auto", "medibus", "medibus.x"],
    },
  ],
  problems: ({ streams }) => {
    const problem = streamsProblem(String(streams));
    return problem === null ? [] : [problem];
  },
  open: (options) => new MedibusDecoder(options),
};
