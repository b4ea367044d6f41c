import { isGatewayId } from "../gateway/reading.ts";
import { RECORD_CLASSES, type RecordClass } from "../gateway/sealing/envelope.ts";

/** What a topic under `ward/v1/<gateway>/up/` is about. */
export type UpTopic =
  | { readonly kind: "epoch"; readonly gateway: string }
  | {
      readonly kind: "record";
      readonly gateway: string;
      readonly backlog: boolean;
      readonly class: RecordClass;
    };

/** Everything that gateways send up. */
export const UP_FILTER = "ward/v1/+/up/#";
/** The same for one of several hubs on one store: the broker gives each message to one of them. */
export const SHARED_UP_FILTER: string = `$share/hub/${UP_FILTER}`;

/** Checkpoints of the gateways' journals; every hub hears them, also those that the broker has kept. */
export const JOURNAL_FILTER = "ward/v1/+/journal";

/** The gateway whose journal a topic is about, or null for any other topic. */
export function journalGateway(topic: string): string | null {
  const gateway = /^ward\/v1\/([^/]+)\/journal$/.exec(topic)?.[1];
  return gateway !== undefined && isGatewayId(gateway) ? gateway : null;
}

/** Takes a topic apart; null when it is none of ours. */
export function parseUpTopic(topic: string): UpTopic | null {
  const [root, version, gateway = "", up, lane, className, ...more] = topic.split("/");
  if (root !== "ward" || version !== "v1" || up !== "up" || !isGatewayId(gateway)) {
    return null;
  }
  if (lane === "epoch" && className === undefined) {
    return { kind: "epoch", gateway };
  }
  const known = RECORD_CLASSES.find((name) => name === className);
  if ((lane !== "live" && lane !== "backlog") || known === undefined || more.length > 0) {
    return null;
  }
  return { kind: "record", gateway, backlog: lane === "backlog", class: known };
}

export function receiptTopic(gateway: string): string {
  return `ward/v1/${gateway}/down/receipt`;
}

/** Where a gateway is asked for a proof of its journal. */
export function journalTopic(gateway: string): string {
  return `ward/v1/${gateway}/down/journal`;
}

export function needEpochTopic(gateway: string): string {
  return `ward/v1/${gateway}/down/need-epoch`;
}
