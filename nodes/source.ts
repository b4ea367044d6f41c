import type { DeviceOptions, LineState } from "../gateway/devices/device.ts";
import { OPTION_TEXT_MAX } from "../gateway/devices/device.ts";
import type { Take } from "../gateway/reading.ts";
import type { LineStatus, Subscription, WardFlowMessage, WardMessage } from "../gateway/rooms.ts";
import { bad, type Fields } from "./fields.ts";
import { lineUrlOf } from "./line.ts";
import type { FlowMessage, StatusFill, StatusShape } from "./node-red.ts";
import type { Behaviour, WardNode } from "./red.ts";

/** Starts a source node: subscribes to its device and sends on every take as one message. */
export function startSource(node: WardNode, unit: number | null): Behaviour {
  const subscription = readSubscription(node, unit);
  const show = showLine(node);
  const end = node.services.subscribe(subscription, {
    id: node.id,
    tab: node.tab,
    take: (take, ward) => node.send(messageOf(take, ward)),
    line: show,
  });
  return { close: end };
}

/** The message that carries one take, with an id: Node-RED would make a random one, digit by digit. */
export function messageOf(take: Take, ward: WardMessage): FlowMessage & WardFlowMessage {
  lastId += 1;
  const id = lastId.toString(ID_RADIX).padStart(ID_DIGITS, "0");
  return { _msgid: id, topic: take.device, payload: take.items, ward };
}

let lastId = 0;
/** Ids look like Node-RED's own. */
const ID_RADIX = 16;
const ID_DIGITS = 16;

const DEVICE = /^[a-z0-9][a-z0-9./:-]{0,63}$/;
const MODEL = /^[a-z0-9]+(?:-[a-z0-9]+)+$/;
const OPTION_NAME = /^[a-z][a-z0-9-]{0,31}$/;
const OPTIONS_MAX = 32;

function readSubscription(node: WardNode, unit: number | null): Subscription {
  const { fields } = node;
  return {
    device: fields.text("device", DEVICE, "a device id such as bed-12/monitor"),
    model: fields.text("model", MODEL, "a model id such as nonin-oem3-format2"),
    line: lineUrlOf(node.find(fields.text("line", /^.+$/, "a line"))),
    unit,
    options: readOptions(fields),
  };
}

function readOptions(fields: Fields): DeviceOptions {
  const rows = fields.raw("options") ?? [];
  const wanted = `a list of at most ${OPTIONS_MAX} names with a value each`;
  if (!Array.isArray(rows) || rows.length > OPTIONS_MAX) {
    throw bad("options", wanted);
  }
  const options: Record<string, string | number | boolean> = {};
  for (const row of rows) {
    const name: unknown = Reflect.get(Object(row), "name");
    const value: unknown = Reflect.get(Object(row), "value");
    if (typeof name !== "string" || !OPTION_NAME.test(name) || !isOptionValue(value)) {
      throw bad("options", wanted);
    }
    options[name] = value;
  }
  return options;
}

function isOptionValue(value: unknown): value is string | number | boolean {
  return (
    (typeof value === "string" && value.length <= OPTION_TEXT_MAX) ||
    Number.isFinite(value) ||
    typeof value === "boolean"
  );
}

const LOOKS: Readonly<Record<LineState, readonly [StatusFill, StatusShape, string]>> = {
  closed: ["grey", "ring", "closed"],
  connecting: ["yellow", "ring", "connecting"],
  negotiating: ["yellow", "ring", "negotiating"],
  online: ["green", "dot", "online"],
  stale: ["yellow", "dot", "silent"],
  backoff: ["red", "ring", "disconnected"],
};

/** Shows how the line does under the node, and says once in the log why it does not. */
function showLine(node: WardNode): (line: LineStatus) => void {
  let told = "";
  node.status("grey", "ring", { word: "waiting" });
  return ({ state, text, rate }) => {
    const [fill, shape, word] = LOOKS[state];
    const figures = `${rate.toFixed(1)}/s`;
    node.status(fill, shape, state === "online" && rate > 0 ? { figures } : { word });
    if (state === "online") {
      told = "";
    } else if ((state === "stale" || state === "backoff") && text !== told) {
      told = text;
      node.warn(text);
    }
  };
}
