/** Readings that the driver `masimo-ascii1` makes of one line as it is written here. */
export const READINGS_PER_LINE = 12;

/**
 * Lines of the Masimo ASCII 1 protocol with every measurement that the driver knows and whose key a line may have: numbers
 * that wander like a patient's, a serial number, a clock. The same seed gives the same lines.
 */
export function masimoLines(seed: number, count: number): Buffer[] {
  const walk = walker(seed);
  const spo2 = walk(97, 90, 100, 0.6);
  const pulse = walk(72, 55, 120, 1.5);
  const perfusion = walk(2.5, 0.4, 9, 0.08);
  const carbon = walk(2, 0, 9, 0.1);
  const met = walk(0.9, 0, 3, 0.05);
  const hemoglobin = walk(13.2, 9, 17, 0.08);
  const content = walk(17, 12, 22, 0.1);
  const variability = walk(14, 5, 40, 0.8);
  return Array.from({ length: count }, (_, place) => {
    const second = String(place % 60).padStart(2, "0");
    const fields = [
      `11/24/26 10:32:${second}`,
      `SN=${String(1_000_000 + seed).padStart(10, "0")}`,
      `SPO2=${whole(spo2())}%`,
      `BPM=${whole(pulse())}`,
      `PI=${fixed(perfusion(), 2, 5)}%`,
      `SPCO=${fixed(carbon(), 1, 4)}%`,
      `SPMET=${fixed(met(), 1, 4)}%`,
      `SPHB=${fixed(hemoglobin(), 1, 4)}`,
      `SPOC=${fixed(content(), 1, 4)}`,
      `PVI=${whole(variability())}`,
      "DESAT=00",
      "PIDELTA=+00",
      "ALARM=0000",
      "EXC=000800",
    ];
    return Buffer.from(`${fields.join(" ")}\r\n`, "latin1");
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

function whole(value: number): string {
  return String(Math.round(value)).padStart(3, "0");
}

function fixed(value: number, places: number, width: number): string {
  return value.toFixed(places).padStart(width, "0");
}
