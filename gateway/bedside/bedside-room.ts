import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { Bedside } from "./bedside.ts";
import { parseFlowhostToBedside } from "./inbox.ts";
import { Clock } from "./clock.ts";
import { ClockSync } from "./clock-sync.ts";
import { ConductReports } from "./conduct-reports.ts";
import { driverOf } from "../devices/catalog.ts";
import { type EgressRules, limitEgress } from "../egress.ts";
import { lineEndpoint, linePath } from "../lines/line-places.ts";
import { openLine } from "../lines/open-line.ts";
import { type Checkpoint, parseCheckpoint } from "./reservation.ts";
import { RoomLink } from "../room-link.ts";
import { enterRoom } from "../room-process.ts";
import type { BedsideToFlowhost, FlowhostToBedside } from "../rooms.ts";
import type { Settings } from "../settings.ts";

/** What main gives bedside at its start. */
export interface BedsideConfig {
  readonly gateway: string;
  readonly settings: Settings;
  readonly allowedLines: readonly string[];
  readonly opcuaTrust: readonly string[];
  readonly opcuaPki: string;
  /** Checkpoint of the bedside before, as text. */
  readonly previous: string | null;
}

/** The bedside process: nothing here but the wiring of `Bedside` to main and to the flow host. */
let bedside: Bedside | null = null;
let stats: NodeJS.Timeout | null = null;

const send = enterRoom({
  message: (message, socket) => {
    switch (message.t) {
      case "start":
        if (isBedsideConfig(message.config)) {
          start(message.config);
        }
        break;
      case "link":
        if (socket !== null && bedside !== null) {
          const room = bedside;
          room.attach(
            new RoomLink<FlowhostToBedside, BedsideToFlowhost>(socket, {
              parse: parseFlowhostToBedside,
              onMessage: (said) => room.receive(said),
              onClose: () => undefined,
            }),
          );
        }
        break;
      case "notice":
        bedside?.notice(message.notice);
        break;
      case "checkpointed":
        bedside?.kept(message.n);
        break;
      case "ask":
        answer(message.id, message.what).catch(() => undefined);
        break;
      default:
        break;
    }
  },
  oldestUnsettledMs: () => bedside?.oldestUnsettledMs() ?? null,
  stop: async () => {
    clearInterval(stats ?? undefined);
    await bedside?.stopTaking();
    bedside?.close();
  },
});

const STATS_MS = 1000;
const SETTLE_POLL_MS = 20;
const SETTLE_MS = 1400;

/** What main asks while it stops the house in order. */
async function answer(id: number, what: string): Promise<void> {
  switch (what) {
    case "stop-taking":
      await bedside?.stopTaking();
      break;
    case "settled":
      for (
        let waited = 0;
        waited < SETTLE_MS && bedside?.oldestUnsettledMs() !== null;
        waited += SETTLE_POLL_MS
      ) {
        await sleep(SETTLE_POLL_MS);
      }
      break;
    case "final-checkpoint":
      await bedside?.finalCheckpoint();
      break;
    default:
      break;
  }
  send({ t: "answer", id, value: bedside?.stats() ?? null });
}

function start(config: BedsideConfig): void {
  const context = {
    opcuaTrust: config.opcuaTrust,
    opcuaPki: config.opcuaPki,
    gateway: config.gateway,
  };
  limit(config.allowedLines);
  const boot = randomBytes(8).toString("hex");
  const sync = new ClockSync(config.settings.clockSyncFile);
  const clock = new Clock({ synced: () => sync.state });
  const room = new Bedside({
    boot,
    clock,
    settings: config.settings,
    allowedLines: config.allowedLines,
    driver: driverOf,
    openLine: (url) => openLine(url, context),
    browse: async (line, node) =>
      (await import("../lines/opcua-browse.ts")).browseOpcua(line, context, node),
    previous: checkpointOf(config.previous),
    counted: (checkpoint) => send({ t: "counted", text: JSON.stringify(checkpoint) }),
    keep: (n, checkpoint, isUrgent) =>
      send({ t: "checkpoint", n, text: JSON.stringify(checkpoint), isUrgent }),
  });
  bedside = room;
  room.start();
  if (config.previous !== null && checkpointOf(config.previous) === null) {
    const text =
      "How far this gateway had counted before its last stop cannot be read: what was lost then is not known.";
    room.notice({ device: "", notice: "checkpoint-lost", text, since: null });
  }
  const conduct = new ConductReports({ boot, clock, devices: room.conduct });
  stats = setInterval(() => {
    send({ t: "stats", stats: room.stats() });
    const said = conduct.look();
    if (said !== null) {
      send({ t: "conduct", conduct: said });
    }
  }, STATS_MS);
  send({ t: "ready", facts: { boot } });
}

/** Bedside calls devices on lines of the signed settings, and nobody else. */
function limit(lines: readonly string[]): void {
  const places = lines.flatMap(lineEndpoint);
  const rules: EgressRules = {
    tcp: places.filter(({ protocol }) => protocol === "tcp"),
    udp: places.filter(({ protocol }) => protocol === "udp"),
    paths: lines.flatMap(linePath),
  };
  limitEgress(
    () => rules,
    (notice) => send({ t: "notice", notice }),
  );
}

/** An unreadable checkpoint must not keep bedside from starting. */
function checkpointOf(text: string | null): Checkpoint | null {
  try {
    return text === null ? null : parseCheckpoint(text);
  } catch {
    return null;
  }
}

/** Main is trusted: this only narrows the type of what it sent. */
function isBedsideConfig(config: unknown): config is BedsideConfig {
  return (
    typeof config === "object" &&
    config !== null &&
    "allowedLines" in config &&
    "settings" in config
  );
}
