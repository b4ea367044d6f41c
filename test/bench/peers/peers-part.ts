import { join } from "node:path";

import { openBenchSite } from "../bench-site.ts";
import { count } from "../figures.ts";
import type { BenchContext, BenchPart } from "../part.ts";
import type { Table } from "../table.ts";
import { benchPeer, NOTICES_PER_SECOND, type PeerResult, type PeersResults } from "./peer-bench.ts";
import { peerGoals } from "./peer-goals.ts";
import { PEERS } from "./peers.ts";
import { benchStockPeer } from "./stock-peer.ts";

/** Durable ways to the hub without the house, as engineers wire them: one reading a message, the same broker, the same TLS. */
export const peersPart: BenchPart = {
  name: "peers",
  title: "Durable forwarding: what else there is",
  measure: async (context) => {
    const results = await measure(context);
    return {
      results,
      table: table(results),
      notes: notes(results),
      goals: peerGoals(results, context.earlier.get("house")),
    };
  },
};

async function measure({ seconds, directory, signal, say }: BenchContext): Promise<PeersResults> {
  const bench = await openBenchSite(join(directory, "site"), signal);
  const half = seconds / 2;
  try {
    const results: [string, PeerResult][] = [];
    for (const peer of PEERS) {
      if (peer.isBridge && bench.brokerKind !== "mosquitto") {
        continue;
      }
      say(`Peers: ${peer.what} ...`);
      const own = join(directory, peer.name);
      results.push([peer.name, await benchPeer(bench, peer, { directory: own, seconds: half })]);
    }
    say("Peers: stock Node-RED ...");
    results.push(["stock", await benchStockPeer(bench, half)]);
    return Object.fromEntries(results);
  } finally {
    await bench.close();
  }
}

function table(results: PeersResults): Table {
  return {
    heads: [
      "one reading a message, up to a subscriber",
      "readings/s",
      "CPU s per million",
      "bytes to disk per reading",
      "bytes on the wire per reading",
      "memory MB",
      "notice while a backlog drains, p99 ms",
    ],
    rows: Object.values(results).map((result) => [
      result.what,
      count(result.readingsPerSecond),
      count(result.cpu, result.cpu < 10 ? 1 : 0),
      count(result.diskBytesPerReading),
      count(result.wireBytesPerReading, result.wireBytesPerReading < 10 ? 1 : 0),
      count(result.memoryMb),
      result.drain === null ? "" : count(result.drain.p99),
    ]),
  };
}

function notes(results: PeersResults): string[] {
  const { bridge, level } = results;
  const { backlog = 0 } = level?.drain ?? {};
  return [
    "Readings are counted at a subscriber, each once. CPU, disk and memory are those of all of the peer's processes; the site's broker and the subscriber are not counted. The wire is TCP payload both ways: TLS and MQTT.",
    "mqtt-level-store survives kill -9, not a power cut (it asks for no fsync). mqtt-jsonl-store writes after 60 s or 2,000 changes, so a crash takes what was not written yet.",
    `The backlog is ${count(backlog)} readings that gathered while the broker was out of reach; ${count(NOTICES_PER_SECOND)} small messages a second are sent from the first reading of it to the last. All peers have one queue: what is new waits for what is old.`,
    bridge === undefined
      ? "The mosquitto bridge was not measured: mosquitto is not installed."
      : `The bridge is a mosquitto on the gateway's side, fed with QoS 1 by mqtt.js (${count(bridge.cpuSender)} of its CPU seconds), with \`autosave_on_changes true\` and \`autosave_interval 1\`: the safest that it has, and it writes the whole store each time, so it is slower the longer its backlog is. Our batches are sealed beforehand, 1,000 readings in each, and signed as they are sent.`,
    ...Object.values(results)
      .filter(({ account }) => account.missing > 0)
      .map(
        ({ what, account }) =>
          `${what}: ${count(account.missing)} of ${count(account.sent)} readings never came.`,
      ),
  ];
}
