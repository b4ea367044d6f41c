import assert from "node:assert/strict";
import { test } from "node:test";

import { crc16 } from "../../../gateway/devices/crc.ts";

const CHECK = Buffer.from("123456789");

test("crc16 gives the published check values of both kinds", () => {
  assert.equal(crc16(CHECK, 0xff_ff), 0x29b1, "CRC-16/CCITT-FALSE");
  assert.equal(crc16(CHECK, 0), 0x31c3, "CRC-16/XMODEM");
  assert.equal(crc16(new Uint8Array(0), 0xff_ff), 0xff_ff);
});

test("crc16 looks at the bytes from and to the places given", () => {
  const around = Buffer.concat([Buffer.from("xx"), CHECK, Buffer.from("y")]);
  assert.equal(crc16(around, 0, 2, 11), 0x31c3);
});
