/** Readings of one line: as many as one poll of a bedside monitor gives. */
export const READINGS_PER_LINE = 20;

/** The model that reads the lines, by the description in `MONITOR_OPTIONS`. */
export const MONITOR_MODEL = "generic-line";

/** What a monitor measures: code, unit, digits after the point, and where and how far it wanders. */
const MEASURES = [
  ["MDC_ECG_HEART_RATE", "/min", 0, 72, 55, 120, 1.5],
  ["MDC_PULS_OXIM_SAT_O2", "%", 0, 97, 90, 100, 0.6],
  ["MDC_PULS_OXIM_PULS_RATE", "/min", 0, 72, 55, 120, 1.5],
  ["MDC_RESP_RATE", "/min", 0, 14, 8, 30, 0.6],
  ["MDC_TEMP", "Cel", 1, 37, 36, 39, 0.05],
  ["MDC_PRESS_BLD_NONINV_SYS", "mm[Hg]", 0, 121, 90, 160, 0.2],
  ["MDC_PRESS_BLD_NONINV_DIA", "mm[Hg]", 0, 75, 50, 95, 0.2],
  ["MDC_PRESS_BLD_NONINV_MEAN", "mm[Hg]", 0, 90, 60, 120, 0.2],
  ["MDC_PRESS_BLD_ART_ABP_SYS", "mm[Hg]", 0, 118, 90, 160, 2],
  ["MDC_PRESS_BLD_ART_ABP_DIA", "mm[Hg]", 0, 72, 50, 95, 1.5],
  ["MDC_PRESS_BLD_ART_ABP_MEAN", "mm[Hg]", 0, 88, 60, 120, 1.5],
  ["MDC_PRESS_BLD_ART_PULM_SYS", "mm[Hg]", 0, 24, 15, 40, 1],
  ["MDC_PRESS_BLD_ART_PULM_DIA", "mm[Hg]", 0, 10, 6, 18, 0.7],
  ["MDC_PRESS_BLD_ART_PULM_MEAN", "mm[Hg]", 0, 15, 9, 25, 0.7],
  ["MDC_PRESS_BLD_ART_PULM_WEDGE", "mm[Hg]", 0, 9, 5, 15, 0.3],
  ["MDC_PRESS_BLD_VEN_CENT_MEAN", "mm[Hg]", 0, 7, 2, 14, 0.5],
  ["MDC_AWAY_CO2_ET", "mm[Hg]", 0, 38, 28, 50, 0.7],
  ["MDC_CONC_AWAY_O2_INSP", "%", 0, 40, 30, 60, 0.2],
  ["MDC_CONC_AWAY_O2_ET", "%", 0, 35, 25, 55, 0.4],
  ["MDC_VOL_AWAY_TIDAL", "mL", 0, 480, 350, 650, 8],
] as const;

/** Options of the model: a description of the lines, as a site writes one for its own device. */
export const MONITOR_OPTIONS: Readonly<Record<string, string>> = {
  protocol: JSON.stringify({
    title: "A monitor of the benchmark",
    maker: "Benchmark",
    model: "Monitor 20",
    source: "test/bench/house/monitor-lines.ts",
    line: { end: "\r\n", charactersMax: 160 },
    messages: [
      {
        name: "values",
        starts: "M20,",
        separator: ",",
        parts: MEASURES.length + 1,
        fields: MEASURES.map(([code, unit, places], place) => ({
          name: code,
          place: place + 2,
          code,
          unit,
          number: { whole: [1, 4], places, sign: "none" },
        })),
      },
    ],
  }),
};

/** Lines of a monitor whose numbers wander like a patient's. The same seed gives the same lines. */
export function monitorLines(seed: number, count: number): Buffer[] {
  const walk = walker(seed);
  const values = MEASURES.map(([, , places, start, low, high, step]) => {
    const next = walk(start, low, high, step);
    return () => next().toFixed(places);
  });
  return Array.from({ length: count }, () => {
    const fields = values.map((next) => next());
    return Buffer.from(`M20,${fields.join(",")}\r\n`, "latin1");
  });
}

/** Slow random walks between two bounds. */
function walker(
  seed: number,
): (start: number, low: number, high: number, step: number) => () => number {
  let state = seed * 2_654_435_761 + 1;
  const random = (): number => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
  return (start, low, high, step) => {
    let value = start;
    return () => {
      value = Math.min(high, Math.max(low, value + step * (2 * random() - 1)));
      return value;
    };
  };
}
