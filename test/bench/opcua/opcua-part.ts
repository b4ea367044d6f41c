import { count, ratio } from "../figures.ts";
import { atMost } from "../goal.ts";
import type { BenchPart, PartReport } from "../part.ts";
import { benchOpcua, type OpcuaBench } from "./opcua-bench.ts";

const RATIO_MAX = 1.3;

/** The gateway's OPC-UA line beside the library alone. */
export const opcuaPart: BenchPart = {
  name: "opcua",
  title: "OPC-UA beside the bare node-opcua client",
  measure: async ({ seconds, signal, say }) =>
    report(await benchOpcua({ seconds: seconds / 2, signal, say })),
};

function report(results: OpcuaBench): PartReport {
  const { ours, bare, items, everyMs } = results;
  const row = (what: string, field: keyof typeof ours, places: number): readonly string[] => [
    what,
    count(ours[field], places),
    count(bare[field], places),
    ratio(ours[field] / bare[field]),
  ];
  return {
    results,
    table: {
      heads: ["", "Wardgate", "bare client", "ours / bare"],
      rows: [
        row("notifications/s", "notificationsPerSecond", 0),
        row("\u00b5s of CPU per notification", "cpuMicrosPerNotification", 1),
        row("CPU (% of one core)", "cpuPercent", 1),
        row("memory (MB)", "memoryMb", 0),
      ],
    },
    notes: [
      `${count(items)} variables of one server that all change every ${everyMs} ms, SignAndEncrypt with Aes256_Sha256_RsaPss. Wardgate is the gateway's line and the driver generic-opcua, up to readings with unit, quality and source time; the bare client has an empty listener. Each in a process of its own, in turn; the median of three counts. Where fewer than ${count((1000 * items) / everyMs)} notifications/s arrive, the server could not keep up on this machine, and the ratio says little.`,
    ],
    goals: [atMost("CPU per notification, ours / bare client", RATIO_MAX, results.ratio, ratio)],
  };
}
