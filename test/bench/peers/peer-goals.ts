import { numberAt } from "../../../gateway/json-value.ts";
import { ratio, times } from "../figures.ts";
import { atLeast, atMost, type Goal } from "../goal.ts";
import type { PeersResults } from "./peer-bench.ts";

const DURABLE_MIN = 60;
const SEALED_MIN = 2;
const NEW_SHARE_MAX = 0.25;

/** The house's rate, where this run has measured it before, beside what the peers did. */
export function peerGoals(peers: PeersResults, house: object | undefined): Goal[] {
  const ours = numberAt(house, "ward", "full", "readingsPerSecond");
  const liveP99 = numberAt(house, "ward", "drain", "liveP99");
  const beside = (theirs: number | undefined): number | null =>
    theirs === undefined || ours === 0 ? null : ours / theirs;
  const { level, bridge, "sealed-bridge": sealed } = peers;
  const durable = [level, bridge].flatMap((peer) => peer?.readingsPerSecond ?? []);
  return [
    atLeast(
      "the house's readings/s by those of the best peer that survives kill -9 (mqtt-level-store or bridge)",
      DURABLE_MIN,
      beside(durable.length === 0 ? undefined : Math.max(...durable)),
      times,
    ),
    atLeast(
      "the same by the bridge's that is given our sealed batches",
      SEALED_MIN,
      beside(sealed?.readingsPerSecond),
      times,
    ),
    atMost(
      "what is new while a backlog drains, p99, the house's by the bridge's",
      NEW_SHARE_MAX,
      liveP99 > 0 && bridge?.drain ? liveP99 / bridge.drain.p99 : null,
      ratio,
    ),
  ];
}
