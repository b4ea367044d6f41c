import { dataMessage, list, OPERATION_RESULT, u16, u32 } from "./encode.ts";
import { ACTION_POLL, ACTION_POLL_EXTENDED } from "./message.ts";
import { CLASS_MDS } from "./poll-reply.ts";
import type { EncodedObject } from "./simulated-mdib.ts";

/** What a poll asked for, and what its results repeat. */
export interface PollHead {
  readonly invoke: number;
  readonly pollNumber: number;
  readonly objectClass: number;
  readonly group: number;
  readonly isExtended: boolean;
}

/** The messages of one result: one, or linked ones and a last one without objects when it does not fit into one. */
export function resultMessages(
  head: PollHead,
  sequence: number | null,
  ticks: number,
  objects: readonly EncodedObject[],
): Uint8Array[] {
  const parts = partsOf(objects);
  if (parts.length <= 1) {
    return [resultMessage(head, sequence, ticks, parts[0] ?? [], null)];
  }
  const linked = parts.map((part, index) => {
    const state = index === 0 ? LINK_FIRST : index === parts.length - 1 ? LINK_LAST : LINK_MIDDLE;
    return resultMessage(head, sequence, ticks, part, [state, index + 1]);
  });
  return [...linked, resultMessage(head, sequence, ticks, [], null)];
}

const LINK_FIRST = 1;
const LINK_MIDDLE = 2;
const LINK_LAST = 3;
const OPERATION_LINKED_RESULT = 5;
const COMMAND_CONFIRMED_ACTION = 7;
/** Objects in one message, so that it keeps to 1000 bytes with its heads. */
const OBJECT_BYTES_MAX = 900;

function partsOf(objects: readonly EncodedObject[]): EncodedObject[][] {
  const parts: EncodedObject[][] = [];
  let bytes = OBJECT_BYTES_MAX;
  for (const object of objects) {
    const size = encodeObject(object).length;
    if (bytes + size > OBJECT_BYTES_MAX) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(object);
    bytes += size;
  }
  return parts;
}

/** One message with the objects of some contexts. */
function resultMessage(
  head: PollHead,
  sequence: number | null,
  ticks: number,
  objects: readonly EncodedObject[],
  link: readonly [state: number, count: number] | null,
): Uint8Array {
  const contexts = [...new Set(objects.map(({ context }) => context))].map((context) => [
    ...u16(context),
    ...list(objects.filter((object) => object.context === context).map(encodeObject)),
  ]);
  const data = [
    ...u16(head.pollNumber),
    ...(sequence === null ? [] : u16(sequence)),
    ...u32(ticks),
    ...TIME_UNSET,
    ...u16(1),
    ...u16(head.objectClass),
    ...u16(head.group),
    ...list(contexts),
  ];
  const action = head.isExtended ? ACTION_POLL_EXTENDED : ACTION_POLL;
  const argument = [
    ...u16(CLASS_MDS),
    ...u16(0),
    ...u16(0),
    ...u16(action),
    ...u16(data.length),
    ...data,
  ];
  const operation = link === null ? OPERATION_RESULT : OPERATION_LINKED_RESULT;
  return dataMessage(operation, head.invoke, COMMAND_CONFIRMED_ACTION, argument, link ?? []);
}

/** No monitor fills in the date and time of a result. */
const TIME_UNSET: readonly number[] = Array.from({ length: 8 }, () => 0xff);

function encodeObject({ handle, attributes }: EncodedObject): readonly number[] {
  return [...u16(handle), ...list(attributes)];
}
