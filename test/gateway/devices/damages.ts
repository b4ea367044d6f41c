import type { Guard } from "./captures.ts";

/** Damages a stream at one place. */
export type Damage = (bytes: Buffer, place: number, guard: Guard) => Buffer;

/** What lines do to bytes. */
export const DAMAGES: Readonly<Record<string, Damage>> = {
  // Without a checksum only a byte that cannot be text is known to be wrong.
  "a changed byte": (bytes, place, guard) => {
    const changed = Buffer.from(bytes);
    changed[place]! ^= guard === "checksum" ? 1 + ((place * 37) % 255) : 0x80;
    return changed;
  },
  "a lost byte": (bytes, place) =>
    Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + 1)]),
  "a doubled byte": (bytes, place) =>
    Buffer.concat([bytes.subarray(0, place + 1), bytes.subarray(place)]),
  "three bytes of noise": (bytes, place) =>
    Buffer.concat([
      bytes.subarray(0, place),
      Buffer.from([0xff, 0x01, 0x81]),
      bytes.subarray(place),
    ]),
  "a doubled piece of 5 bytes": (bytes, place) =>
    Buffer.concat([bytes.subarray(0, place + 5), bytes.subarray(place)]),
};
