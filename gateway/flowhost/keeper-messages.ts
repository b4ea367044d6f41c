import { WardError } from "../errors.ts";
import { isGatewayId } from "../reading.ts";
import type { FlowPolicy, KeeperToFlowhost, OutboxStatus, RecipientKey } from "../rooms.ts";
import { sameVersion } from "./bedside-messages.ts";
import { isCount, isListOf, isRecord, isText } from "./message-shape.ts";

/**
 * Checks a message of the keeper to the flow host. Throws WardError `WARD_ROOM_MESSAGE`, or `WARD_ROOM_VERSION` when the
 * keeper speaks another version of rooms.ts.
 */
export function parseKeeperToFlowhost(
  value: unknown,
  blobs: readonly Uint8Array[],
): KeeperToFlowhost {
  if (isRecord(value)) {
    const { t, version, policy, id, found, code, message, outbox } = value;
    if (t === "hello" && isCount(version) && isPolicy(policy)) {
      return { t, version: sameVersion(version), policy };
    }
    if ((t === "stored" || t === "saved") && isCount(id)) {
      return { t, id };
    }
    if (
      t === "loaded" &&
      isCount(id) &&
      typeof found === "boolean" &&
      blobs.length === (found ? 1 : 0)
    ) {
      return { t, id, found };
    }
    if (t === "failed" && isCount(id) && isText(code, TEXT_MAX) && isText(message, TEXT_MAX)) {
      return { t, id, code, message };
    }
    if (t === "outbox" && isOutboxStatus(outbox)) {
      return { t, outbox };
    }
  }
  throw new WardError(
    "WARD_ROOM_MESSAGE",
    "Cannot use a message of the keeper to the flow host: unknown form.",
  );
}

const TEXT_MAX = 2048;
const RECIPIENTS_MAX = 16;
const CLASSES_MAX = 16;
const SPKI_CHARS_MAX = 1024;
const KID = /^[a-z0-9-]{1,32}$/;

function isPolicy(value: unknown): value is FlowPolicy {
  return (
    isRecord(value) &&
    typeof value["gateway"] === "string" &&
    isGatewayId(value["gateway"]) &&
    typeof value["authoring"] === "boolean" &&
    isListOf(value["recipients"], isRecipient, RECIPIENTS_MAX)
  );
}

function isRecipient(value: unknown): value is RecipientKey {
  return (
    isRecord(value) &&
    typeof value["kid"] === "string" &&
    KID.test(value["kid"]) &&
    isText(value["spki"], SPKI_CHARS_MAX)
  );
}

function isOutboxStatus(value: unknown): value is OutboxStatus {
  if (!isRecord(value) || typeof value["connected"] !== "boolean" || !isRecord(value["classes"])) {
    return false;
  }
  const classes = Object.values(value["classes"]);
  return (
    classes.length <= CLASSES_MAX &&
    classes.every(
      (backlog) =>
        isRecord(backlog) &&
        isCount(backlog["batches"]) &&
        isCount(backlog["bytes"]) &&
        (backlog["oldestAt"] === null || isCount(backlog["oldestAt"])),
    )
  );
}
