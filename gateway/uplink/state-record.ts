import type { KeyObject } from "node:crypto";

import { HEADER_CONTENT_TYPE, makeSign1 } from "../sealing/cose.ts";

/** What a gateway says about itself on its retained state topic. */
export interface GatewayState {
  readonly version: 1;
  readonly gateway: string;
  /** False in the will and after a clean stop. */
  readonly online: boolean;
  /** When this was said, epoch milliseconds; of a will: when the connection was begun. */
  readonly at: number;
  /** The store that new records go to. */
  readonly store: string;
  /** Sealed batches that wait for a receipt, their bytes, and when the oldest was stored. */
  readonly batches: number;
  readonly bytes: number;
  readonly oldestAt: number | null;
  /**
   * What names the flow that runs, as gateway/bundles has it; null while there is none, or only the built-in one. Where a bundle
   * describes devices of its own, their descriptions are part of it.
   */
  readonly flowHash: string | null;
  /** End of the gateway's certificate, epoch milliseconds. */
  readonly certificateEnd: number;
}

/** The state as COSE_Sign1 over JSON text, by the gateway's signing key. */
export function signState(state: GatewayState, key: KeyObject): Uint8Array {
  return makeSign1({
    headers: new Map([[HEADER_CONTENT_TYPE, CONTENT_JSON]]),
    payload: new TextEncoder().encode(JSON.stringify(state)),
    key,
    context: STATE_CONTEXT,
  });
}

/** The external_aad of the signature. */
export const STATE_CONTEXT = "wardgate/state/1";
/** CoAP content format of application/json (RFC 7252 section 12.3). */
const CONTENT_JSON = 50;
