import type { Frame, LineScheme, Measured, Output } from "../../../gateway/devices/device.ts";
import { driver } from "../../../gateway/devices/philips-intellivue/driver.ts";
import { serialFrame } from "../../../gateway/devices/philips-intellivue/serial-frames.ts";

/* IntelliVue messages as hexadecimal text: an encoder of results apart from that of the simulator. */

/** Hexadecimal without the blanks that are there for the reader. */
export function plain(hex: string): string {
  return hex.replaceAll(/\s/g, "");
}

export function bytesOf(hex: string): Buffer {
  return Buffer.from(plain(hex), "hex");
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function word(number: number): string {
  return number.toString(16).padStart(4, "0");
}

export function list(elements: readonly string[]): string {
  const content = plain(elements.join(""));
  return word(elements.length) + word(content.length / 2) + content;
}

export function attribute(id: string, content: string): string {
  return id + word(plain(content).length / 2) + plain(content);
}

/** One polled object. */
export function object(handle: number, attributes: readonly string[]): string {
  return word(handle) + list(attributes);
}

/** A numeric observed value. */
export function value(physio: number, state: number, unit: number, float: string): string {
  return word(physio) + word(state) + word(unit) + float;
}

/** A numeric object of one value. */
export function numeric(handle: number, observed: string): string {
  return object(handle, [attribute("0950", observed)]);
}

/** A heart rate of so many beats. */
export function valuesOf(float: string): string[] {
  return [attribute("0950", value(0x41_82, 0, 0x0a_a0, `0000${float}`))];
}

export interface Result {
  readonly objects: readonly string[];
  readonly objectClass?: number;
  readonly relativeTime?: number;
  readonly absoluteTime?: string;
  readonly isExtended?: boolean;
  readonly part?: number | null;
}

/** A whole message with the result of a poll, or a part of one. */
export function pollResult({
  objects,
  objectClass = 6,
  relativeTime = 8000,
  absoluteTime = "ffffffffffffffff",
  isExtended = false,
  part = null,
}: Result): string {
  const time = (relativeTime >>> 0).toString(16).padStart(8, "0");
  const contexts = list([`0001${list(objects)}`]);
  const data = `0001${isExtended ? "0000" : ""}${time}${absoluteTime}0001${word(objectClass)}0000${contexts}`;
  const action = `002100000000${isExtended ? "f13b" : "0c16"}${word(data.length / 2)}${data}`;
  const link = part === null ? "" : `02${part.toString(16).padStart(2, "0")}`;
  const operation = `${link}00070007${word(action.length / 2)}${action}`;
  return `e1000002${part === null ? "0002" : "0005"}${word(operation.length / 2)}${operation}`;
}

/** The event with which a monitor begins. */
export function createEvent(ticks: number, absoluteTime: string, more = ""): string {
  const time = ticks.toString(16).padStart(8, "0");
  const attributes = [
    attribute("0987", absoluteTime),
    attribute("098f", time),
    ...(more === "" ? [] : [more]),
  ];
  const info = `002100000000${list(attributes)}`;
  const report = `002100000000${time}0d06${word(info.length / 2)}${info}`;
  const operation = `00010001${word(report.length / 2)}${report}`;
  return `e10000020001${word(operation.length / 2)}${operation}`;
}

/** What a decoder that only listens makes of messages. */
export function decode(messages: readonly string[], line: LineScheme = "serial"): Output[] {
  const decoder = driver.open({ listen: "only" }, line);
  const outputs = messages.flatMap((message) => {
    const pdu = bytesOf(message);
    return decoder.push(line === "udp" ? pdu : serialFrame(pdu), 0);
  });
  return [...outputs, ...(decoder.end?.(0) ?? [])];
}

export function framesOf(outputs: readonly Output[]): Frame[] {
  return outputs.filter((output) => output.kind === "frame");
}

export function readingsOf(objects: readonly string[]): readonly Measured[] {
  return framesOf(decode([pollResult({ objects })])).flatMap(({ readings }) => readings);
}
