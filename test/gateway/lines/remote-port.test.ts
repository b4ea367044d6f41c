import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";
import { createServer } from "node:net";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import type { SerialFormat } from "../../../gateway/devices/device.ts";
import { openRemotePort } from "../../../gateway/lines/remote-port.ts";
import {
  COM_PORT,
  comPort,
  portSettings,
  telnetData,
  telnetOption,
  TelnetReader,
} from "../../../gateway/lines/telnet.ts";

const SERIAL: SerialFormat = { baud: 19_200, format: "7E1", flow: "rtscts" };

describe("RFC 2217", () => {
  test("the settings are those of the standard, byte by byte", () => {
    const bytes = Buffer.concat(
      portSettings(SERIAL).map(({ command, value }) => comPort(command, value)),
    );
    const known = [
      "fffa2c0100004b00fff0", // SET-BAUDRATE 19200
      "fffa2c0207fff0", // SET-DATASIZE 7
      "fffa2c0303fff0", // SET-PARITY even
      "fffa2c0401fff0", // SET-STOPSIZE 1
      "fffa2c0503fff0", // SET-CONTROL hardware flow control
    ];
    assert.equal(bytes.toString("hex"), known.join(""));
    assert.equal(Buffer.from(telnetOption("will", COM_PORT)).toString("hex"), "fffb2c");
  });

  test("an FF in a setting or in data is doubled, and halved again, however it is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant(255), fc.nat({ max: 255 })), { maxLength: 60 }),
        fc.integer({ min: 1, max: 9 }),
        (values, piece) => {
          const sent = Buffer.concat([
            telnetData(Uint8Array.from(values)),
            comPort(101, [255, 1]),
            telnetData(Uint8Array.from(values)),
          ]);
          const reader = new TelnetReader();
          const data: number[] = [];
          let events = 0;
          for (let from = 0; from < sent.length; from += piece) {
            const input = reader.push(sent.subarray(from, from + piece));
            data.push(...input.data);
            events += input.events.length;
            for (const event of input.events) {
              assert.deepEqual(event, {
                kind: "com-port",
                command: 101,
                value: Uint8Array.of(255, 1),
              });
            }
          }
          assert.deepEqual(data, [...values, ...values]);
          assert.equal(events, 1);
        },
      ),
    );
  });

  test("any bytes are taken, and an endless subnegotiation is bounded", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const { data } = new TelnetReader().push(bytes);
        assert.ok(data.length <= bytes.length);
      }),
    );
    const reader = new TelnetReader();
    reader.push(Uint8Array.of(255, 250, COM_PORT, 101, ...Array<number>(100_000).fill(7)));
    const { events } = reader.push(Uint8Array.of(255, 240));
    assert.ok(events[0]?.kind === "com-port" && events[0].value.length < 300);
  });

  test("the port is set before a byte of it is believed", async () => {
    const server = await deviceServer();
    const data: Buffer[] = [];
    const port = await openRemotePort(server.options, {
      onBytes: (bytes) => data.push(Buffer.from(bytes)),
      onEnd: () => undefined,
    });
    assert.deepEqual(server.set, { 1: [0, 0, 75, 0], 2: [7], 3: [3], 4: [1], 5: [3] });
    await port.write(Uint8Array.of(1, 255, 2));
    await server.until(() => server.written.length >= 3);
    assert.deepEqual(server.written, [1, 255, 2]);
    server.send(Uint8Array.of(9, 255, 8));
    while (Buffer.concat(data).length < 3) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(Buffer.concat(data).toString("hex"), "09ff08");
    await port.close();
    await server.close();
  });

  for (const [what, behaviour, says] of [
    ["refuses the option", { refuse: true }, /refuses RFC 2217.*use tcp:\/\//],
    ["sets another baud rate", { baud: 9600 }, /does not set baud 19200/],
    ["hangs up", { hangUp: true }, /closed the connection/],
  ] as const) {
    test(`a server that ${what} is told in plain words`, async () => {
      const server = await deviceServer(behaviour);
      const opening = openRemotePort(server.options, {
        onBytes: () => undefined,
        onEnd: () => undefined,
      });
      await assert.rejects(opening, says);
      await server.close();
    });
  }
});

interface Behaviour {
  readonly refuse?: boolean;
  readonly baud?: number;
  readonly hangUp?: boolean;
}

/** A device server written after the standard, apart from the client. It sends bytes of the old settings until it is set. */
async function deviceServer(behaviour: Behaviour = {}): Promise<{
  options: Parameters<typeof openRemotePort>[0];
  set: Record<number, number[]>;
  written: number[];
  send: (bytes: Uint8Array) => void;
  until: (holds: () => boolean) => Promise<void>;
  close: () => Promise<void>;
}> {
  const set: Record<number, number[]> = {};
  const written: number[] = [];
  let socket: Socket | null = null;
  const server: Server = createServer((client) => {
    socket = client;
    client.on("error", () => undefined);
    client.write(Uint8Array.of(0x55, 255, 251, 1)); // A stray byte, and WILL ECHO.
    client.on("data", (bytes) => serve(client, Buffer.from(bytes)));
  });
  const serve = (client: Socket, bytes: Buffer): void => {
    if (behaviour.hangUp === true) {
      client.end();
      return;
    }
    for (let place = 0; place < bytes.length; place += 1) {
      if (bytes[place] !== 255 || bytes[place + 1] === 255) {
        written.push(bytes[place]!);
        place += bytes[place] === 255 ? 1 : 0;
      } else if (bytes[place + 1] === 250) {
        const end = bytes.indexOf(Buffer.of(255, 240), place);
        const [, command = 0, ...value] = bytes.subarray(place + 2, end);
        set[command] = value;
        const told = command === 1 && behaviour.baud !== undefined ? [0, 0, 37, 128] : value;
        client.write(Uint8Array.of(255, 250, 44, command + 100, ...told, 255, 240));
        place = end + 1;
      } else {
        const [verb, option] = [bytes[place + 1], bytes[place + 2]];
        if (verb === 251 && option === 44) {
          client.write(Uint8Array.of(255, behaviour.refuse === true ? 254 : 253, 44));
        }
        place += 2;
      }
    }
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    options: { host: "127.0.0.1", port, serial: SERIAL, line: `rfc2217://127.0.0.1:${port}` },
    set,
    written,
    send: (bytes) => socket?.write(telnetData(bytes)),
    until: async (holds) => {
      while (!holds()) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    close: async () => {
      socket?.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
