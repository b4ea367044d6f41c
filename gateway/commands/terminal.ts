import { StringDecoder } from "node:string_decoder";
import { Writable } from "node:stream";

/**
 * A way to a terminal on which nothing but text gets through. What commands print may quote a device, a broker, a bundle or a
 * cloud, and a terminal obeys control characters; characters that turn the direction of writing lie to who reads. Both become
 * a mark. Line ends and tabs pass.
 */
export function plainTerminal(terminal: Writable): Writable {
  const decoder = new StringDecoder("utf8");
  return new Writable({
    write: (chunk: unknown, _encoding, done) => {
      const text = Buffer.isBuffer(chunk) ? decoder.write(chunk) : String(chunk);
      terminal.write(text.replaceAll(COMMANDS, MARK), done);
    },
  });
}

/** Controls but for tab and line feed, and what embeds, overrides or isolates directions. */
const COMMANDS = /[^\P{Cc}\t\n]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const MARK = "\ufffd";
