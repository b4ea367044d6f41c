/** What is known of a device's own clock; it can be kept as JSON, and is as long whatever came. */
export interface LeadState {
  /** The last looks, until they agree (milliseconds). */
  readonly first: readonly number[];
  /** How far the device's clock is ahead of the gateway's (milliseconds), or null while that is not known. */
  readonly level: number | null;
  /** Looks in a row that were far away, and what the first of them was. */
  readonly far: number;
  readonly farLead: number;
}

/** Nothing known yet. */
export const LEAD_UNKNOWN: LeadState = { first: [], level: null, far: 0, farLead: 0 };

/**
 * Looks at how far a device's clock is ahead of the gateway's, and tells when that has changed by more than `limitMs`, whether it was set or
 * has drifted; from then on the new lead is what counts. A clock that was always wrong is no news. Times that disagree from look to
 * look are not those of a clock (the time of a measurement, say), and are not judged.
 */
export function lookAtLead(
  state: LeadState,
  leadMs: number,
  { limitMs, steadyLooks }: { readonly limitMs: number; readonly steadyLooks: number },
): { readonly state: LeadState; readonly change: { was: number; is: number } | null } {
  const { level } = state;
  if (level === null) {
    return { state: learned([...state.first, leadMs].slice(-LEARN_LOOKS)), change: null };
  }
  if (Math.abs(leadMs - level) <= limitMs) {
    return { state: { ...state, far: 0, farLead: 0 }, change: null };
  }
  const agrees = state.far > 0 && Math.abs(leadMs - state.farLead) <= AGREE_MS;
  const far = agrees ? state.far + 1 : 1;
  if (far < steadyLooks) {
    return { state: { ...state, far, farLead: agrees ? state.farLead : leadMs }, change: null };
  }
  const next = { ...LEAD_UNKNOWN, level: leadMs };
  return { state: next, change: { was: level, is: leadMs } };
}

function learned(first: readonly number[]): LeadState {
  if (first.length < LEARN_LOOKS) {
    return { ...LEAD_UNKNOWN, first };
  }
  const sorted = first.toSorted((a, b) => a - b);
  const level = sorted[sorted.length >> 1] ?? 0;
  const agrees = first.every((lead) => Math.abs(lead - level) <= AGREE_MS);
  return agrees ? { ...LEAD_UNKNOWN, level } : { ...LEAD_UNKNOWN, first };
}

const LEARN_LOOKS = 11;
const AGREE_MS = 5000;
