import { hexByte } from "./bytes.ts";
import { CodeTable } from "./code-table.ts";

/** A realtime curve as the device offers it (53H), and as it was selected (54H). */
export interface RealtimeStream {
  readonly code: number;
  /** Microseconds between two samples. */
  readonly intervalUs: number;
  /** The value of sample 0. */
  readonly minimum: number;
  /** The value of sample `bins`. */
  readonly maximum: number;
  readonly bins: number;
}

/** Realtime data codes: 90 28 329 and the public code maps of OpenICE and VSCaptureDrgVent. */
export const REALTIME = new CodeTable(
  `
00 MDC_PRESS_AWAY mbar
01 MDC_FLOW_AWAY L/min
02 MDC_PULS_OXIM_PLETH %
03 DRAEGER_VOLUME_WAVE mL
05 MDC_CONC_AWAY_O2 %
06 MDC_AWAY_CO2 mm[Hg]
07 MDC_AWAY_CO2 kPa
08 MDC_CONC_AWAY_CO2 %
0A MDC_CONC_AWAY_AGENT %
0B MDC_CONC_AWAY_HALOTH %
0C MDC_CONC_AWAY_ENFL %
0D MDC_CONC_AWAY_ISOFL %
0E MDC_CONC_AWAY_DESFL %
0F MDC_CONC_AWAY_SEVOFL %
1C DRAEGER_TRACHEAL_PRESSURE_WAVE mbar
1E DRAEGER_DEVICE_FLOW_WAVE L/min
20 DRAEGER_FLOW_INSP_WAVE L/min
21 DRAEGER_FLOW_EXP_WAVE L/min
24 DRAEGER_VOLUME_EXP_WAVE mL
2A DRAEGER_AGENT_WAVE kPa
2B DRAEGER_HALOTHANE_WAVE kPa
2C DRAEGER_ENFLURANE_WAVE kPa
2D DRAEGER_ISOFLURANE_WAVE kPa
2E DRAEGER_DESFLURANE_WAVE kPa
2F DRAEGER_SEVOFLURANE_WAVE kPa
`,
  { prefix: "DRAEGER_REALTIME", channel: 5 },
);

/** The curves in a realtime configuration response, or null when it does not have the form it must have. */
export function parseOffer(data: string): RealtimeStream[] | null {
  if (data.length % OFFER_CHARACTERS !== 0) {
    return null;
  }
  const streams: RealtimeStream[] = [];
  for (let from = 0; from < data.length; from += OFFER_CHARACTERS) {
    const field = (place: number, length: number): string =>
      data.slice(from + place, from + place + length).replaceAll(" ", "");
    const stream = {
      code: hexByte(data, from),
      intervalUs: Number(field(2, 8)),
      minimum: Number(field(10, 5)),
      maximum: Number(field(15, 5)),
      bins: Number.parseInt(field(20, 3), 16),
    };
    const isWhole = /^\d+$/.test(field(2, 8)) && /^[0-9A-Fa-f]+$/.test(field(20, 3));
    const isNumeric = [field(10, 5), field(15, 5)].every((text) => LIMIT.test(text));
    if (stream.code < 0 || !isWhole || !isNumeric) {
      return null;
    }
    if (stream.intervalUs > 0 && stream.bins > 0 && stream.maximum > stream.minimum) {
      streams.push(stream);
    }
  }
  return streams;
}

/** The curves to ask for of those offered: pressure, flow, then CO2 in one unit, else volume; three is what every device can do. */
export function chooseStreams(offered: readonly RealtimeStream[]): RealtimeStream[] {
  const chosen: RealtimeStream[] = [];
  for (const sameKind of PREFERENCE) {
    const stream = offered.find(({ code }) => sameKind.includes(code));
    if (stream !== undefined && chosen.length < STREAMS_CHOSEN_MAX) {
      chosen.push(stream);
    }
  }
  return chosen;
}

/** What the option `streams` names, in its order; null for "auto". Throws nothing: the option was checked before. */
export function namedStreams(option: string): number[] | null {
  const words = option.trim().split(/[\s,]+/);
  return option.trim() === "auto" ? null : words.map((word) => Number.parseInt(word, 16));
}

/** What is wrong with the option `streams`. */
export function streamsProblem(option: string): string | null {
  const words = option.trim().split(/[\s,]+/);
  const known = REALTIME.rows().length;
  if (option.trim() === "auto") {
    return null;
  }
  const areCodes = words.every((word) => /^[0-9A-Fa-f]{2}$/.test(word));
  const codes = words.map((word) => Number.parseInt(word, 16));
  const areKnown = areCodes && codes.every((code) => REALTIME.find(code, "other").unit !== "");
  const areFew = codes.length <= STREAMS_MAX && new Set(codes).size === codes.length;
  return areKnown && areFew
    ? null
    : `Option streams must be "auto" or up to ${STREAMS_MAX} of the ${known} realtime codes in the README, two hex digits each, for example "00 01 03".`;
}

/** Streams that one device can be asked for. */
export const STREAMS_MAX = 12;
const STREAMS_CHOSEN_MAX = 3;
const PREFERENCE: readonly (readonly number[])[] = [
  [0x00],
  [0x01],
  [0x06, 0x07, 0x08],
  [0x03],
  [0x02],
];
const OFFER_CHARACTERS = 23;
const LIMIT = /^[+-]?(?:\d+\.?\d*|\.\d+)$/;

/** Two hex digits a number; empty when the text is not made of such. */
export function hexBytes(text: string): number[] {
  return /^(?:[0-9A-Fa-f]{2})+$/.test(text)
    ? Array.from({ length: text.length / 2 }, (_, place) => hexByte(text, 2 * place))
    : [];
}
