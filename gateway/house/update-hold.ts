import { AgentLock } from "../balena/agent-lock.ts";
import { valueAt } from "../json-value.ts";
import type { Settings } from "../settings.ts";
import type { House } from "./house.ts";

/** What decides whether the box may be updated or rebooted now. */
export interface HoldFacts {
  /** A bundle is on trial: a new start in its middle would judge it by nothing. */
  readonly onTrial: boolean;
  /** The keeper's last report. */
  readonly keeper: unknown;
  /** Epoch milliseconds. */
  readonly now: number;
}

/**
 * Why the box must not be updated now, or null. A drain counts while what waits is older than `DRAIN_AGE_MS` and the broker
 * takes it: then the hub is catching up after an outage, and a new start would only make it later.
 */
export function reasonToHold({ onTrial, keeper, now }: HoldFacts): "trial" | "drain" | null {
  if (onTrial) {
    return "trial";
  }
  const classes = Object.values(valueAt(keeper, "classes") ?? {});
  const oldest = classes.map((found) => valueAt(found, "backlog", "oldestAt"));
  const isLate = oldest.some((at) => typeof at === "number" && now - at > DRAIN_AGE_MS);
  return isLate && valueAt(keeper, "connected") === true ? "drain" : null;
}

/** Holds off updates of the box through its agent while there is a reason, and no longer than `updateHoldS` at a time. */
export class UpdateHold {
  /** Null where no box is to be held. */
  readonly #lock: AgentLock | null;
  readonly #timer: NodeJS.Timeout;
  #since: number | null = null;

  constructor(
    house: Pick<House, "stats">,
    isOnTrial: () => boolean,
    { agentSocket, updateHoldS }: Pick<Settings, "agentSocket" | "updateHoldS">,
    lookMs: number = LOOK_MS,
  ) {
    this.#lock = agentSocket === "" ? null : new AgentLock(agentSocket);
    this.#timer = setInterval(() => {
      const facts = { onTrial: isOnTrial(), keeper: house.stats("keeper"), now: Date.now() };
      const reason = reasonToHold(facts);
      this.#since = reason === null ? null : (this.#since ?? performance.now());
      // A gateway that never comes to rest must get its security updates all the same.
      const heldMs = this.#since === null ? 0 : performance.now() - this.#since;
      this.#lock?.want(reason !== null && heldMs < updateHoldS * 1000);
    }, lookMs);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#lock?.close();
  }
}

const DRAIN_AGE_MS = 300_000;
const LOOK_MS = 2000;
