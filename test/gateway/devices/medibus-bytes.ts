/** MEDIBUS messages for tests, made apart from the driver and its simulator. */

export function command(code: number, argument = ""): Uint8Array {
  return message(0x1b, code, argument);
}

export function response(code: number, data = ""): Uint8Array {
  return message(0x01, code, data);
}

/** Text messages: code, length, text, ETX each. */
export function text(...messages: readonly (readonly [code: string, text: string])[]): string {
  return messages
    .map(([code, words]) => `${code}${String.fromCharCode(0x30 + words.length)}${words}\x03`)
    .join("");
}

export function bytesOf(...pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(pieces));
}

/** One realtime record: sync byte with the streams that are given, sync commands, and the values. */
export function record(
  values: readonly (number | null)[],
  commands: readonly number[] = [],
): Uint8Array {
  const streams = values.reduce<number>(
    (bits, value, place) => bits | (value === null ? 0 : 1 << place),
    0,
  );
  const bytes = values.flatMap((value) =>
    value === null ? [] : [0x80 | (value & 0x3f), 0x80 | (value >> 6)],
  );
  return Uint8Array.from([0xd0 | (streams & 0x0f), ...commands, ...bytes]);
}

function message(start: number, code: number, data: string): Uint8Array {
  const body = Buffer.concat([Buffer.from([start, code]), Buffer.from(data, "latin1")]);
  let sum = 0;
  for (const byte of body) {
    sum += byte;
  }
  const check = (sum % 256).toString(16).padStart(2, "0").toUpperCase();
  return Uint8Array.from(Buffer.concat([body, Buffer.from(`${check}\r`)]));
}
