/** How long one of many equal things took. */
export interface Cost {
  readonly perSecond: number;
  /** CPU microseconds of this process, user and system, all threads: others on the machine do not count. */
  readonly cpuMicros: number;
}

/** Does a thing again and again for so long (milliseconds); `act` is called once before, so that it is compiled. */
export function costOf(ms: number, act: () => void): Cost {
  act();
  const before = process.cpuUsage();
  const from = performance.now();
  let done = 0;
  let spent = 0;
  for (; spent < ms; spent = performance.now() - from) {
    for (let round = 0; round < ROUNDS; round += 1) {
      act();
    }
    done += ROUNDS;
  }
  const { user, system } = process.cpuUsage(before);
  return { perSecond: (1000 * done) / spent, cpuMicros: (user + system) / done };
}

/** Between two looks at the clock. */
const ROUNDS = 10;
