import assert from "node:assert/strict";
import { test } from "node:test";

import { openSerialPort } from "../../../gateway/lines/serial-port.ts";
import { openPty } from "../../../gateway/simulate/pty.ts";

test("what a port has handed over stays as it was, whatever is read afterwards", async () => {
  const [one, other] = [await PluggedPort.open(), await PluggedPort.open()];
  try {
    await one.receive("first");
    await other.receive("other");
    await one.receive("third");
    assert.equal(one.text(), "firstthird");
    assert.equal(other.text(), "other");
  } finally {
    await one.close();
    await other.close();
  }
});

/** A serial port at one end of a pseudo terminal, and all that came, kept as it was handed over. */
class PluggedPort {
  readonly #pieces: Uint8Array[] = [];
  #more: () => void = () => undefined;
  #send: (bytes: Uint8Array) => void = () => undefined;
  close: () => Promise<void> = () => Promise.resolve();

  static async open(): Promise<PluggedPort> {
    const plugged = new PluggedPort();
    const pty = await openPty();
    const port = await openSerialPort(
      {
        path: pty.path,
        serial: { baud: 9600, format: "8N1", flow: "none" },
        line: `serial:${pty.path}`,
      },
      {
        onBytes: (bytes) => {
          plugged.#pieces.push(bytes);
          plugged.#more();
        },
        onEnd: () => undefined,
      },
    );
    plugged.#send = pty.send;
    plugged.close = async () => {
      await port.close();
      await pty.close();
    };
    return plugged;
  }

  /** Sends a text from the other end and waits until as many characters have come. */
  async receive(text: string): Promise<void> {
    const wanted = this.text().length + text.length;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#more = () => {
      if (this.text().length >= wanted) {
        resolve();
      }
    };
    this.#send(Buffer.from(text, "latin1"));
    await promise;
  }

  text(): string {
    return Buffer.concat(this.#pieces).toString("latin1");
  }
}
