import { openBenchSite } from "../bench-site.ts";
import type { BenchContext, BenchPart } from "../part.ts";
import { headline, houseGoals, houseNotes, type HouseResults, houseTable } from "./house-table.ts";
import { benchStock } from "./stock-bench.ts";
import { benchWard, type WardResults } from "./ward-bench.ts";

/** Readings a second of the paced phases. */
const PACED = 1000;

/** The whole house beside stock Node-RED. */
export const housePart: BenchPart = {
  name: "house",
  title: "The whole house beside stock Node-RED",
  measure: async (context) => {
    const results = await measure(context);
    const { account } = results.ward;
    return {
      results,
      table: houseTable(results),
      notes: houseNotes(results),
      goals: houseGoals(results),
      headline: headline(results),
      problem: isComplete(results.ward)
        ? null
        : `${account.unaccounted} readings are unaccounted for, ${account.sent - account.taken} were not taken, ${results.ward.full.evicted} were evicted at full speed.`,
    };
  },
};

async function measure({ directory, seconds, signal, say }: BenchContext): Promise<HouseResults> {
  const bench = await openBenchSite(directory, signal);
  try {
    const load = { seconds, paced: PACED, say };
    const ward = await benchWard(bench, load);
    const stock = await benchStock(bench, load);
    return {
      broker: bench.brokerKind === "embedded" ? "the embedded broker" : bench.brokerKind,
      secondsPerPhase: seconds,
      pacedReadingsPerSecond: PACED,
      ward,
      stock,
    };
  } finally {
    await bench.close();
  }
}

/** All that devices sent is at the hub or accounted for. */
function isComplete({ account, full }: WardResults): boolean {
  return account.unaccounted === 0 && account.sent === account.taken && full.evicted === 0;
}
