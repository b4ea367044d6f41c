/** How a Baseline judges. */
export interface BaselineOptions {
  /** So many times more or less than usual is far. */
  readonly factor: number;
  /** It must have been far for so many looks in a row before it counts. */
  readonly steadyLooks: number;
  /** True where only more than usual matters. */
  readonly onlyMore: boolean;
  /** Where fewer than this (per look) are usual, only `burst` and more are far: what comes now and then has no rate of its own. */
  readonly least: number;
  readonly burst: number;
}

/** What a Baseline has learned; it can be kept as JSON, and is as long whatever came. */
export interface BaselineState {
  /** The first looks, until there are enough to learn from; then none. */
  readonly first: readonly number[];
  readonly isLearned: boolean;
  /** What is usual: the logarithm to base 2, and how far from it is ordinary. */
  readonly level: number;
  readonly spread: number;
  /** Looks in a row that were far (below 0: far below), and the sum of their logarithms. */
  readonly far: number;
  readonly farSum: number;
  /** Looks since the change that was told, 0 for none; its level, and looks in a row that were usual again. */
  readonly changed: number;
  readonly changedLevel: number;
  readonly usual: number;
}

/** What a look gave: that it is far from usual now, or usual again. */
export interface BaselineChange {
  readonly kind: "far" | "usual";
  /** How much it is now and how much is usual. */
  readonly now: number;
  readonly usually: number;
  /** So many looks ago it began. */
  readonly looks: number;
}

/** Nothing learned yet. */
export const UNLEARNED: BaselineState = {
  first: [],
  isLearned: false,
  level: 0,
  spread: 0,
  far: 0,
  farSum: 0,
  changed: 0,
  changedLevel: 0,
  usual: 0,
};

/**
 * Looks at a number that is counted again and again (messages a minute, say), and tells when it is suddenly far from what is usual: once,
 * and once more when it is usual again. What is usual is learned from the number itself: first as the median of the first half
 * hour, then with every look a little, however far that was, so that single outliers move it little and slow drift is followed. What
 * stays changed for a day has become usual.
 */
export function lookAt(
  state: BaselineState,
  value: number,
  options: BaselineOptions,
): { readonly state: BaselineState; readonly change: BaselineChange | null } {
  const x = Math.log2(Math.max(0, value) + SHIFT);
  if (!state.isLearned) {
    return { state: learned({ ...state, first: [...state.first, x] }), change: null };
  }
  return state.changed > 0 ? whileChanged(state, x, options) : whileUsual(state, x, value, options);
}

function learned(state: BaselineState): BaselineState {
  if (state.first.length < LEARN_LOOKS) {
    return state;
  }
  const level = median(state.first);
  const deviations = state.first.map((x) => Math.abs(x - level));
  const spread = bounded(median(deviations) * MAD_TO_SPREAD);
  return { ...state, first: [], isLearned: true, level, spread };
}

function whileUsual(
  state: BaselineState,
  x: number,
  value: number,
  options: BaselineOptions,
): { readonly state: BaselineState; readonly change: BaselineChange | null } {
  const away = x - state.level;
  if (!isFar(state, away, value, options)) {
    return { state: adapted({ ...state, far: 0, farSum: 0 }, away), change: null };
  }
  const sign = Math.sign(away);
  const goesOn = Math.sign(state.far) === sign;
  const far = (goesOn ? state.far : 0) + sign;
  const farSum = (goesOn ? state.farSum : 0) + x;
  const looks = Math.abs(far);
  if (looks < options.steadyLooks) {
    return { state: { ...state, far, farSum }, change: null };
  }
  const changedLevel = farSum / looks;
  return {
    state: { ...state, far: 0, farSum: 0, changed: 1, changedLevel, usual: 0 },
    change: { kind: "far", now: amount(x), usually: amount(state.level), looks },
  };
}

function whileChanged(
  state: BaselineState,
  x: number,
  options: BaselineOptions,
): { readonly state: BaselineState; readonly change: BaselineChange | null } {
  const away = x - state.level;
  const isUsual = Math.abs(away) <= Math.max(thresholdOf(state, options) / 2, state.spread);
  const usual = isUsual ? state.usual + 1 : 0;
  const changed = state.changed + 1;
  if (usual >= options.steadyLooks) {
    return {
      state: { ...state, changed: 0, changedLevel: 0, usual: 0 },
      change: { kind: "usual", now: amount(x), usually: amount(state.level), looks: usual },
    };
  }
  const step = clamp(x - state.changedLevel, STEP);
  const changedLevel = state.changedLevel + step;
  if (changed > ADOPT_LOOKS && usual === 0) {
    const { spread } = state;
    return { state: { ...UNLEARNED, isLearned: true, level: changedLevel, spread }, change: null };
  }
  return { state: { ...state, changed, changedLevel, usual }, change: null };
}

/** A little nearer to what was seen; by no more than a step, however far that was. */
function adapted(state: BaselineState, away: number): BaselineState {
  const spread = state.spread + clamp(PACE * (Math.abs(away) * MAD_TO_SPREAD - state.spread), STEP);
  return { ...state, level: state.level + clamp(PACE * away, STEP), spread: bounded(spread) };
}

function isFar(
  state: BaselineState,
  away: number,
  value: number,
  options: BaselineOptions,
): boolean {
  const { onlyMore, least, burst } = options;
  const isSparse = amount(state.level) < least;
  if (away > 0 ? isSparse && value < burst : onlyMore || isSparse) {
    return false;
  }
  return Math.abs(away) > thresholdOf(state, options);
}

function thresholdOf({ spread }: BaselineState, { factor }: BaselineOptions): number {
  return Math.max(Math.log2(factor), SPREADS * spread);
}

function amount(level: number): number {
  return Math.max(0, 2 ** level - SHIFT);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

function clamp(value: number, most: number): number {
  return Math.max(-most, Math.min(most, value));
}

function bounded(spread: number): number {
  return Math.max(SPREAD_MIN, Math.min(SPREAD_MAX, spread));
}

/** Looks from which the first idea of what is usual is made. */
export const LEARN_LOOKS = 31;
/** A day of looks, one a minute. */
const ADOPT_LOOKS = 1440;
/** Nothing at all has a logarithm too. */
const SHIFT = 0.5;
const PACE = 0.05;
const STEP = 0.02;
/** So many spreads away is far, whatever the factor. */
const SPREADS = 6;
const SPREAD_MIN = 0.05;
const SPREAD_MAX = 2;
/** A median of deviations as a standard deviation. */
const MAD_TO_SPREAD = 1.48;
