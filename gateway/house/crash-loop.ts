/** Counts crashes of one room in a sliding time and says when they have become a loop. */
export class CrashLoop {
  readonly #count: number;
  readonly #withinMs: number;
  #crashes: number[] = [];
  #looping = false;
  #justBegan = false;

  constructor(count: number, withinMs: number) {
    this.#count = count;
    this.#withinMs = withinMs;
  }

  /** Once true it stays so: what crashed is not tried again before somebody has looked. */
  get looping(): boolean {
    return this.#looping;
  }

  /** True after the crash that made it a loop, until the next one. */
  get justBegan(): boolean {
    return this.#justBegan;
  }

  /** Notes a crash; returns how many there were lately, this one included. */
  crashed(at: number): number {
    this.#crashes = [...this.#crashes.filter((crash) => at - crash < this.#withinMs), at];
    this.#justBegan = !this.#looping && this.#crashes.length >= this.#count;
    this.#looping ||= this.#justBegan;
    return this.#crashes.length;
  }
}

/** The pause before restart number `crashes`: doubles from the first to the longest (milliseconds). */
export function restartPause(
  crashes: number,
  limits: { readonly restartFirstMs: number; readonly restartMaxMs: number },
): number {
  const doubled = limits.restartFirstMs * 2 ** Math.min(Math.max(crashes - 1, 0), 20);
  return Math.min(limits.restartMaxMs, doubled);
}
