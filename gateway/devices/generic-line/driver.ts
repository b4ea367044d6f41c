import type {
  BadBytes,
  DeviceOptions,
  IdentityFound,
  Output,
  StreamDecoder,
  StreamDriver,
} from "../device.ts";
import { quietOption, SERIAL_LINES } from "../device.ts";
import { LostBytes } from "../lost-bytes.ts";
import { checkedText } from "./line-checksum.ts";
import { LineCutter } from "./line-cutter.ts";
import type { LineProtocol } from "./line-protocol.ts";
import { parseProtocol } from "./line-protocol.ts";
import type { LineContent } from "./line-readings.ts";
import { readLine } from "./line-readings.ts";
import example from "./protocols/example-monitor.json" with { type: "json" };

/**
 * A device that sends lines of text which the site describes itself, in the option `protocol`: how lines end, how they are
 * cut into fields, and what the fields mean. README.md says how; line-protocol.schema.json is for editors.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "generic-line",
    maker: "any",
    protocol: "Lines of text, as the site describes them",
    lines: SERIAL_LINES,
    evidence: "B",
    mode: "passive",
    source: "the document that the description names",
    quietMs: 15_000,
  },
  serial: { baud: 9600, format: "8N1", flow: "none" },
  verbs: [],
  options: [
    {
      name: "protocol",
      doc: "What the device sends: a JSON text, see README.md of generic-line. The default is an example",
      default: JSON.stringify(example, null, 2),
      multiline: true,
    },
    quietOption(15),
  ],
  problems: (options) => parseProtocol(textOf(options)).problems,
  open: (options) => {
    const { protocol, problems } = parseProtocol(textOf(options));
    return protocol === null ? new UselessDecoder(problems[0] ?? "") : new LineDecoder(protocol);
  },
};

function textOf(options: DeviceOptions): string {
  return String(options["protocol"] ?? driver.options[0]?.default ?? "");
}

class LineDecoder implements StreamDecoder {
  readonly #protocol: LineProtocol;
  readonly #cutter: LineCutter;
  readonly #startCharacters: number;
  #serial: string | null = null;
  #lastSerial: string | null = null;

  constructor(protocol: LineProtocol) {
    this.#protocol = protocol;
    this.#cutter = new LineCutter(protocol.line);
    this.#startCharacters = protocol.line.start === null ? 0 : 1;
  }

  push(bytes: Uint8Array): Output[] {
    const outputs: Output[] = [];
    for (const cut of this.#cutter.push(bytes)) {
      if (cut.kind === "line") {
        this.#useLine(cut.text, outputs);
      } else {
        outputs.push(cut);
      }
    }
    return outputs;
  }

  tick(): Output[] {
    return [];
  }

  end(): Output[] {
    return this.#cutter.end();
  }

  #useLine(line: string, outputs: Output[]): void {
    const { checksum, messages } = this.#protocol;
    const checked = checksum === null ? { text: line } : checkedText(line, checksum);
    if ("why" in checked) {
      outputs.push(fault(checked.fault, line.length, checked.why));
      return;
    }
    const text = checked.text.slice(this.#startCharacters);
    for (const message of messages) {
      const content = readLine(text, message, checksum !== null);
      if (typeof content === "string") {
        outputs.push(fault("framing", line.length, content));
        return;
      }
      if (content !== null) {
        this.#useContent(content, outputs);
        return;
      }
    }
    outputs.push(fault("framing", line.length, "a line that is no message of the description"));
  }

  #useContent({ readings, serial, faults }: LineContent, outputs: Output[]): void {
    outputs.push(...this.#identityOf(serial), ...faults);
    if (readings.length > 0) {
      outputs.push({ kind: "frame", readings, waves: [] });
    }
  }

  /** A serial number counts when its line had a checksum or when it came twice in a row: one damaged digit is no other device. */
  #identityOf(serial: string | null): IdentityFound[] {
    const isSure = this.#protocol.checksum !== null || serial === this.#lastSerial;
    this.#lastSerial = serial ?? this.#lastSerial;
    if (serial === null || !isSure || serial === this.#serial) {
      return [];
    }
    this.#serial = serial;
    return [{ kind: "identity", serial }];
  }
}

/** For a description that cannot be used: gives all bytes up, and says why. */
class UselessDecoder implements StreamDecoder {
  readonly #lost: LostBytes;

  constructor(why: string) {
    this.#lost = new LostBytes(`the description has a problem: ${why}`);
  }

  push(bytes: Uint8Array): Output[] {
    return this.#lost.add(bytes.length);
  }

  tick(): Output[] {
    return [];
  }

  end(): Output[] {
    return this.#lost.tell();
  }
}

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
