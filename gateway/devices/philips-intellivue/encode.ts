/** Building blocks of messages: big-endian numbers, lists and attributes. */

export function u16(value: number): readonly number[] {
  return [(value >> 8) & 0xff, value & 0xff];
}

export function u32(value: number): readonly number[] {
  return [...u16(value >>> 16), ...u16(value & 0xff_ff)];
}

/** A list: count, length in bytes, elements. */
export function list(elements: readonly (readonly number[])[]): readonly number[] {
  const content = elements.flat();
  return [...u16(elements.length), ...u16(content.length), ...content];
}

export function attribute(id: number, value: readonly number[]): readonly number[] {
  return [...u16(id), ...u16(value.length), ...value];
}

export const OPERATION_INVOKE = 1;
export const OPERATION_RESULT = 2;

/** A data message: operation, invoke id, command, and its argument. */
export function dataMessage(
  operation: number,
  invoke: number,
  command: number,
  argument: readonly number[],
  /** Before the invoke id, in linked results. */
  link: readonly number[] = [],
): Uint8Array {
  const content = [...link, ...u16(invoke), ...u16(command), ...u16(argument.length), ...argument];
  return Uint8Array.from([
    0xe1,
    0x00,
    0x00,
    0x02,
    ...u16(operation),
    ...u16(content.length),
    ...content,
  ]);
}
