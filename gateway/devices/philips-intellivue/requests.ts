import {
  attribute,
  dataMessage,
  list,
  OPERATION_INVOKE,
  OPERATION_RESULT,
  u16,
  u32,
} from "./encode.ts";
import type { EventReport } from "./message.ts";
import { ACTION_POLL, ACTION_POLL_EXTENDED } from "./message.ts";
import { CLASS_MDS } from "./poll-reply.ts";

/** All that the client ever says in an association: polls, and answers to events. There is no other action here, and no set. */

/** All attributes of an object. */
export const GROUP_ALL = 0;
/** Only the observed values. */
export const GROUP_VALUES = 0x08_03;
/** What the MDS says about its making: among others the serial number. */
export const GROUP_PRODUCTION = 0x08_0c;

/** One result, at once. */
export function singlePoll(invoke: number, objectClass: number, group: number): Uint8Array {
  return action(invoke, ACTION_POLL, [
    ...u16(invoke),
    ...u16(1),
    ...u16(objectClass),
    ...u16(group),
  ]);
}

/** Results again and again for a while: numerics every second, waves every 256 ms. */
export function extendedPoll(invoke: number, objectClass: number, activeTicks: number): Uint8Array {
  return action(invoke, ACTION_POLL_EXTENDED, [
    ...u16(invoke),
    ...u16(1),
    ...u16(objectClass),
    ...u16(GROUP_ALL),
    ...list([attribute(ATTRIBUTE_ACTIVE_PERIOD, u32(activeTicks))]),
  ]);
}

/** The answer that a confirmed event demands. */
export function eventResult({ invoke, object, time, event }: EventReport): Uint8Array {
  const argument = [...object.flatMap(u16), ...u32(time), ...u16(event), ...u16(0)];
  return dataMessage(OPERATION_RESULT, invoke, COMMAND_CONFIRMED_EVENT_REPORT, argument);
}

const COMMAND_CONFIRMED_EVENT_REPORT = 1;
const COMMAND_CONFIRMED_ACTION = 7;
const ATTRIBUTE_ACTIVE_PERIOD = 0xf1_3e;

function action(invoke: number, kind: number, data: readonly number[]): Uint8Array {
  const object = [...u16(CLASS_MDS), ...u16(0), ...u16(0)];
  const scope = u32(0);
  const argument = [...object, ...scope, ...u16(kind), ...u16(data.length), ...data];
  return dataMessage(OPERATION_INVOKE, invoke, COMMAND_CONFIRMED_ACTION, argument);
}
