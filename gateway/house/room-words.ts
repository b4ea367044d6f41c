import { isConduct } from "../conduct-shape.ts";
import { WardError } from "../errors.ts";
import { isJournalEvent, type JournalKind } from "../journal/event.ts";
import { isDeviceId } from "../reading.ts";
import { LISTENER_QUERIES, type NoticeText, type RoomName, type RoomToMain } from "../rooms.ts";

/**
 * Checks what a room says to main. The flow host runs other people's flows, the listener answers everybody, and bedside
 * parses what devices send: whoever has got into one of them must not get further by talking to main. Throws WardError
 * `WARD_ROOM_MESSAGE`.
 */
export function parseRoomToMain(room: RoomName, value: unknown): RoomToMain {
  if (isRecord(value) && typeof value["t"] === "string" && MAY_SAY[room].has(value["t"])) {
    const said = parseKnown(value);
    if (said !== null) {
      return said;
    }
  }
  throw new WardError("WARD_ROOM_MESSAGE", `Cannot use what the ${room} says: unknown form.`);
}

const EVERYBODY = ["ready", "pong", "stats", "answer", "fatal", "stopped"];
/** Only who has something to say may say it: a flow cannot forge a notice or a checkpoint. */
const MAY_SAY: Readonly<Record<RoomName, ReadonlySet<string>>> = {
  keeper: new Set([...EVERYBODY, "notice", "checkpoint-kept"]),
  bedside: new Set([...EVERYBODY, "notice", "checkpoint", "counted", "conduct"]),
  flowhost: new Set(EVERYBODY),
  listener: new Set([...EVERYBODY, "editor", "journal", "watch", "query"]),
};

/** What the listener may have written down. */
const LISTENER_KINDS: ReadonlySet<JournalKind> = new Set([
  "login",
  "login-refused",
  "view",
  "deploy-requested",
  "logout",
  "break-glass",
  "account-changed",
]);

/** Characters of a notice's or last word's text, at most; of a checkpoint, at most. */
const TEXT_MAX = 400;
const CHECKPOINT_MAX = 4 * 2 ** 20;
const FACTS_MAX = 32;

function parseKnown(value: Readonly<Record<string, unknown>>): RoomToMain | null {
  const { t, n, id, text } = value;
  switch (t) {
    case "ready":
      return isFacts(value["facts"]) ? { t, facts: value["facts"] } : null;
    case "pong": {
      const oldest = value["oldestUnsettledMs"];
      return isCount(n) && (oldest === null || typeof oldest === "number")
        ? { t, n, oldestUnsettledMs: oldest }
        : null;
    }
    case "stats":
      return { t, stats: value["stats"] };
    case "answer":
      return isCount(id) ? { t, id, value: value["value"] } : null;
    case "fatal":
      return { t, code: plain(value["code"], 64), message: plain(value["message"], TEXT_MAX) };
    case "journal": {
      const event = value["event"];
      return isCount(id) && isJournalEvent(event) && LISTENER_KINDS.has(event.kind)
        ? { t, id, event }
        : null;
    }
    case "watch":
      return typeof value["on"] === "boolean" ? { t, on: value["on"] } : null;
    case "query": {
      const what = LISTENER_QUERIES.find((known) => known === value["what"]);
      const { argument } = value;
      return isCount(id) && what !== undefined && isArgument(argument)
        ? { t, id, what, argument }
        : null;
    }
    case "stopped":
    case "editor":
      return { t };
    case "notice":
      return isRecord(value["notice"]) ? { t, notice: noticeOf(value["notice"]) } : null;
    case "checkpoint":
      return isCount(n) && isCheckpointText(text)
        ? { t, n, text, isUrgent: value["isUrgent"] === true }
        : null;
    case "counted":
      return isCheckpointText(text) ? { t, text } : null;
    case "conduct":
      return isConduct(value["conduct"]) ? { t, conduct: value["conduct"] } : null;
    case "checkpoint-kept":
      return isCount(n) ? { t, n } : null;
    default:
      return null;
  }
}

/** A notice in the form that every later check accepts, whatever came. */
function noticeOf(given: Readonly<Record<string, unknown>>): NoticeText {
  const { device, notice, since } = given;
  return {
    device: typeof device === "string" && isDeviceId(device) ? device : "",
    notice: typeof notice === "string" && /^[a-z0-9-]{1,64}$/.test(notice) ? notice : "unnamed",
    text: plain(given["text"], TEXT_MAX),
    since: isCount(since) ? since : null,
  };
}

/** One line without control characters: what main prints goes to somebody's terminal. */
function plain(text: unknown, most: number): string {
  return typeof text === "string"
    ? text
        .slice(0, most)
        .replaceAll(/[\p{C}\s]+/gu, " ")
        .trim()
    : "";
}

function isFacts(value: unknown): value is Readonly<Record<string, string | number>> {
  return (
    isRecord(value) &&
    Object.keys(value).length <= FACTS_MAX &&
    Object.values(value).every((fact) => typeof fact === "string" || typeof fact === "number")
  );
}

function isCheckpointText(text: unknown): text is string {
  return typeof text === "string" && text.length <= CHECKPOINT_MAX;
}

function isArgument(argument: unknown): argument is string {
  return typeof argument === "string" && ARGUMENT.test(argument);
}

/** Numbers, or base64 of up to 256 KiB. */
const ARGUMENT = /^[A-Za-z0-9+/= ]{0,349528}$/;

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
