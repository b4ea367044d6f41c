import { readHubIdentity } from "../../../hub/hub-identity.ts";
import { openMqtt } from "../../../gateway/mqtt/mqtt.ts";
import { percentile } from "../limits/percentile.ts";
import { onCommand, tell } from "../program.ts";
import { Arrivals } from "./arrivals.ts";
import { markOf, monotonicMs, sentMsOf } from "./peer-messages.ts";

/**
 * The other end: a subscriber that counts every reading once, whoever sent it, and times notices. A program of its own:
 *
 *     node peers/receiver.ts HUB-PORT SERVER-NAME HUB-DIRECTORY GATEWAY
 *
 * It says `{"kind":"ready"}` when it hears everything that GATEWAY sends, and answers `{"count":n}`.
 */
const [port = "", serverName = "", directory = "", gateway = ""] = process.argv.slice(2);
const KEEPALIVE_S = 60;

const vital = new Arrivals();
const notices = new Arrivals();
/** Milliseconds from sending to here, of every notice. */
const delays: number[] = [];

const identity = await readHubIdentity(directory);
const connection = openMqtt({
  url: `mqtts://127.0.0.1:${port}`,
  serverName,
  clientId: identity.id,
  ca: identity.serversRoot,
  cert: identity.certificate,
  key: identity.key,
  keepaliveS: KEEPALIVE_S,
});
connection.onClose(() => process.exit(1));
await connection.connect();
connection.onMessage((topic, payload) => {
  const { number, readings } = markOf(payload);
  if (!topic.endsWith("/notice")) {
    vital.add(number, readings);
  } else if (notices.add(number, readings)) {
    delays.push(monotonicMs() - sentMsOf(payload));
  }
});
await connection.subscribe([`ward/v1/${gateway}/up/#`]);

onCommand(({ count: n }) => {
  tell({
    kind: "count",
    n,
    readings: vital.readings,
    duplicates: vital.duplicates + notices.duplicates,
    notices: notices.readings,
    noticeP50: percentile(delays, 0.5),
    noticeP99: percentile(delays, 0.99),
  });
});
tell({ kind: "ready" });
