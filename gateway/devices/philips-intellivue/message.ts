import type { BadBytes } from "../device.ts";
import { readAcceptance } from "./association.ts";
import type { Acceptance } from "./association.ts";
import { Octets } from "./octets.ts";
import type { PollReply } from "./poll-reply.ts";
import { CLASS_MDS, readPollReply } from "./poll-reply.ts";

/** One message (PDU) of the Data Export or Association Control protocol, of either direction. */
export type Message =
  | ({ readonly kind: "accepted" } & Acceptance)
  | { readonly kind: "refused" | "released" | "aborted" }
  | ({ readonly kind: "event" } & EventReport)
  | ({ readonly kind: "reply" } & Reply)
  | { readonly kind: "error"; readonly invoke: number; readonly error: number }
  /** What a client says, and answers to what this gateway never asks. */
  | { readonly kind: "other" };

/** An unsolicited report of the monitor. */
export interface EventReport {
  readonly invoke: number;
  /** The monitor waits for an answer. */
  readonly isConfirmed: boolean;
  /** Class, context and handle of the object that reports, as sent. */
  readonly object: readonly [number, number, number];
  readonly time: number;
  readonly event: number;
  readonly info: Octets;
}

/** A poll's result, or a part of it. */
export interface Reply {
  readonly invoke: number;
  /** Place of this part, from 1; null in the last message of a result. */
  readonly part: number | null;
  readonly poll: PollReply;
}

/** What both framings do: bytes as they came, cut anywhere, to messages and faults. */
export interface MessageStream {
  push(bytes: Uint8Array): (Message | BadBytes)[];
  end(): (Message | BadBytes)[];
}

/** Bytes of a message, at most. Monitors keep to 1000 on RS-232 and to 1456 on a LAN; clients ask for up to 2500. */
export const PDU_BYTES_MAX = 2600;

export const NOTIFY_MDS_CREATED = 0x0d_06;
export const ACTION_POLL = 0x0c_16;
export const ACTION_POLL_EXTENDED = 0xf1_3b;

/** The event with which the monitor begins; of any other object it is another event. */
export function isMdsCreate({ event, object: [objectClass] }: EventReport): boolean {
  return event === NOTIFY_MDS_CREATED && objectClass === CLASS_MDS;
}

/** The message in these bytes; null when its lengths do not fit together, or when its kind is not known. */
export function readMessage(bytes: Uint8Array): Message | null {
  const octets = new Octets(bytes);
  switch (octets.u8()) {
    case SESSION_DATA:
      return octets.u8() === 0 && octets.u16() === CONTEXT ? readOperation(octets) : null;
    case SESSION_ACCEPT:
      return hasLength(octets) ? { kind: "accepted", ...readAcceptance(octets.rest()) } : null;
    case SESSION_REFUSE:
      return hasLength(octets) ? { kind: "refused" } : null;
    case SESSION_DISCONNECT:
      return hasLength(octets) ? { kind: "released" } : null;
    case SESSION_ABORT:
      return hasLength(octets) ? { kind: "aborted" } : null;
    case SESSION_CONNECT:
    case SESSION_FINISH:
      return hasLength(octets) ? { kind: "other" } : null;
    case 0:
      return octets.u8() === 0 && octets.u16() === INDICATION ? readIndication(octets) : null;
    default:
      return null;
  }
}

const SESSION_DATA = 0xe1;
const SESSION_CONNECT = 0x0d;
const SESSION_ACCEPT = 0x0e;
const SESSION_REFUSE = 0x0c;
const SESSION_FINISH = 0x09;
const SESSION_DISCONNECT = 0x0a;
const SESSION_ABORT = 0x19;
/** The presentation context of Data Export, fixed by how the association is asked for. */
const CONTEXT = 2;
/** Instead of session and context in a connect indication: the nomenclature. */
const INDICATION = 0x01_00;
const NOTIFY_CONNECT = 0x0d_17;

const INVOKE = 1;
const RESULT = 2;
const ERROR = 3;
const LINKED_RESULT = 5;
const EVENT_REPORT = 0;
const CONFIRMED_EVENT_REPORT = 1;
const CONFIRMED_ACTION = 7;

/** A monitor that shows itself on the network; it carries no data. */
function readIndication(octets: Octets): Message | null {
  const message = readOperation(octets);
  return message?.kind === "event" && message.event === NOTIFY_CONNECT ? { kind: "other" } : null;
}

/** The session's length field: one byte, or FF and two. */
function hasLength(octets: Octets): boolean {
  const first = octets.u8();
  const length = first === 0xff ? octets.u16() : first;
  return !octets.short && length === octets.left;
}

function readOperation(octets: Octets): Message | null {
  const operation = octets.u16();
  if (octets.u16() !== octets.left) {
    return null;
  }
  const part = operation === LINKED_RESULT ? octets.u16() & 0xff : null;
  const invoke = octets.u16();
  const command = octets.u16();
  if (octets.u16() !== octets.left || octets.short) {
    return null;
  }
  switch (operation) {
    case INVOKE:
      return command === EVENT_REPORT || command === CONFIRMED_EVENT_REPORT
        ? readEvent(octets, invoke, command === CONFIRMED_EVENT_REPORT)
        : { kind: "other" };
    case RESULT:
    case LINKED_RESULT:
      return command === CONFIRMED_ACTION
        ? readActionResult(octets, invoke, part)
        : { kind: "other" };
    case ERROR:
      // What stands where others have their command is the number of the error.
      return { kind: "error", invoke, error: command };
    default:
      return null;
  }
}

function readEvent(octets: Octets, invoke: number, isConfirmed: boolean): Message | null {
  const object = [octets.u16(), octets.u16(), octets.u16()] as const;
  const time = octets.u32();
  const event = octets.u16();
  const length = octets.u16();
  const info = octets.part(length);
  return octets.short || octets.left > 0
    ? null
    : { kind: "event", invoke, isConfirmed, object, time, event, info };
}

function readActionResult(octets: Octets, invoke: number, part: number | null): Message | null {
  octets.part(OBJECT_BYTES);
  const action = octets.u16();
  if (octets.u16() !== octets.left || octets.short) {
    return null;
  }
  if (action !== ACTION_POLL && action !== ACTION_POLL_EXTENDED) {
    return { kind: "other" };
  }
  const poll = readPollReply(octets, action === ACTION_POLL_EXTENDED);
  return poll === null ? null : { kind: "reply", invoke, part, poll };
}

/** Class, context and handle. */
const OBJECT_BYTES = 6;
