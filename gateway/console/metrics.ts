import type { FactsEvent } from "./contract.ts";

/** The facts as Prometheus reads them (text format 0.0.4). No value of a device is among them. Pure. */
export function metricsOf(facts: FactsEvent, viewers: number): string {
  const lines: string[] = [];
  const gauge = (name: string, help: string, rows: readonly Row[], type = "gauge"): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value] of rows) {
      const named = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
      lines.push(`${name}${named.length === 0 ? "" : `{${named.join(",")}}`} ${value}`);
    }
  };
  const { devices, link, rooms = [], health } = facts;
  const classes = link?.classes ?? [];
  gauge("wardgate_healthy", "1 while data passes as it should.", [
    [{}, Number(health.state === "good")],
  ]);
  gauge("wardgate_flows_up", "1 while the flow host runs.", [[{}, Number(facts.flowsUp)]]);
  gauge(
    "wardgate_device_online",
    "1 while the device is on line.",
    devices.map(({ device, model, state }) => [{ device, model }, Number(state === "online")]),
  );
  gauge(
    "wardgate_device_frames_per_second",
    "Frames a second over the last ten seconds.",
    devices.map(({ device, rate }) => [{ device }, rate]),
  );
  gauge(
    "wardgate_device_refused_bytes_total",
    "Bytes given up since the line was opened.",
    devices.map(({ device, badBytes }) => [{ device }, badBytes]),
    "counter",
  );
  for (const [field, help] of COUNTS) {
    gauge(
      `wardgate_items_${field}_total`,
      help,
      classes.map((one) => [{ class: one.class }, one[field]]),
      "counter",
    );
  }
  gauge(
    "wardgate_outbox_batches",
    "Sealed batches that wait for a receipt.",
    classes.map((one) => [{ class: one.class }, one.waitingBatches]),
  );
  gauge(
    "wardgate_outbox_bytes",
    "Bytes of them.",
    classes.map((one) => [{ class: one.class }, one.waitingBytes]),
  );
  gauge(
    "wardgate_outbox_oldest_seconds",
    "Age of the oldest that waits.",
    classes.flatMap(({ class: name, oldestAt }) =>
      oldestAt === null ? [] : [[{ class: name }, Math.max(0, facts.at - oldestAt) / 1000]],
    ),
  );
  if (link !== undefined) {
    gauge("wardgate_broker_connected", "1 while the broker is connected.", [
      [{}, Number(link.connected)],
    ]);
    gauge("wardgate_outbox_free_bytes", "Room that is left in the outbox.", rowIf(link.freeBytes));
    gauge(
      "wardgate_certificate_end_seconds",
      "When the gateway's certificate ends, in seconds since 1970.",
      rowIf(link.certificateEnd === null ? null : link.certificateEnd / 1000),
    );
  }
  gauge(
    "wardgate_room_running",
    "1 while this process of the gateway runs.",
    rooms.map(({ room, running }) => [{ room }, Number(running)]),
  );
  gauge(
    "wardgate_room_restarts_total",
    "How often this process was started again.",
    rooms.map(({ room, restarts }) => [{ room }, restarts]),
    "counter",
  );
  gauge("wardgate_viewers", "Pages that are open.", [[{}, viewers]]);
  return `${lines.join("\n")}\n`;
}

type Row = readonly [labels: Readonly<Record<string, string>>, value: number];

const COUNTS = [
  ["taken", "Items that devices gave."],
  ["stored", "Items that are, or were, in the outbox."],
  ["withheld", "Items that a filter selected away."],
  ["refused", "Items that a check found impossible."],
  ["lost", "Items that were lost, and accounted for."],
] as const;

function rowIf(value: number | null): Row[] {
  return value === null ? [] : [[{}, value]];
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
