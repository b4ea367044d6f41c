import { WardError } from "../gateway/errors.ts";
import type { FlowServices } from "../gateway/flow-services.ts";

/** The flow services out of Node-RED's settings. Throws WardError `WARD_NODE_SERVICES` when the host gave none. */
export function servicesOf(ward: unknown): FlowServices {
  if (!isFlowServices(ward)) {
    throw new WardError(
      "WARD_NODE_SERVICES",
      "Cannot start ward node: this Node-RED is not run by a ward gateway. Start it with `wardgate run`.",
    );
  }
  return ward;
}

const ACTS = [
  "subscribe",
  "subscribeNotices",
  "settle",
  "batch",
  "store",
  "show",
  "watchOutbox",
  "models",
  "allowedLines",
] as const satisfies readonly (keyof FlowServices)[];

function isFlowServices(ward: unknown): ward is FlowServices {
  return (
    typeof ward === "object" &&
    ward !== null &&
    ACTS.every((act) => typeof Reflect.get(ward, act) === "function")
  );
}
