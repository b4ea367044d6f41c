import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";

import type { Command } from "../../../gateway/commands/command.ts";
import { command as devices } from "../../../gateway/commands/devices.ts";
import { command as simulate } from "../../../gateway/commands/simulate.ts";
import { SIMULATORS } from "../../../gateway/simulate/registry.ts";
import { itemProblem } from "../../../gateway/item-shape.ts";
import { linesOf, objectsOf, run, start } from "./wardgate.ts";

describe("wardgate simulate and devices", { concurrency: true }, () => {
  test("several models on several lines in one process, each read by devices read", async () => {
    const ward = start(
      "simulate",
      "nonin-oem3-format2@pty",
      "masimo-ascii1@tcp",
      "masimo-ascii1",
      "--line",
      "unix",
      "--json",
    );
    try {
      const { value: ready } = await linesOf(ward).next();
      const told = ready["devices"] as { model: string; line: string }[];
      assert.deepEqual(
        told.map(({ model, line }) => [model, line.split(":")[0]]),
        [
          ["nonin-oem3-format2", "serial"],
          ["masimo-ascii1", "tcp"],
          ["masimo-ascii1", "unix"],
        ],
      );
      await Promise.all(
        told.map(async ({ model, line }) => {
          const args = ["read", model, "--line", line, "--seconds", "4", "--json"];
          const { code, stdout, stderr } = await run(devices, args);
          assert.equal(code, 0, stderr);
          // Whoever joins in the middle of a packet hears of the part that was missed.
          const items = objectsOf(stdout).filter(({ fault }) => fault !== "truncated");
          assert.ok(items.some(({ value }) => typeof value === "number"));
          assert.deepEqual(
            items.map(itemProblem).filter((problem) => problem !== null),
            [],
          );
          assert.match(stderr, /online: reading/);
        }),
      );
      ward.kill("SIGTERM");
      await once(ward, "close");
      assert.equal(ward.exitCode, 0);
    } finally {
      ward.kill("SIGKILL");
    }
  });

  test("faults switch by option and on stdin; bad lines are told and harmless", async () => {
    const ward = start("simulate", "nonin-oem3-format2@tcp", "--fault", "checksum=on", "--json");
    const lines = linesOf(ward);
    const line = String((await lines.next()).value["line"]);
    const reader = start("devices", "read", "nonin-oem3-format2", "--line", line, "--json");
    try {
      for await (const item of linesOf(reader)) {
        if (item["kind"] === "fault" && item["fault"] === "checksum") {
          break;
        }
      }
      ward.stdin.write('no json\n{"fault":"fire","on":true}\n[1]\n\n');
      ward.stdin.write(`${JSON.stringify({ line, fault: "sensor-off", on: true })}\n`);
      const { value: told } = await lines.next();
      assert.deepEqual(told, {
        kind: "fault",
        model: null,
        line,
        fault: "sensor-off",
        on: true,
        devices: 1,
      });
      ward.stdin.write('{"model":"masimo-ascii1","fault":"silence","on":true}\n');
      assert.equal((await lines.next()).value["devices"], 0);
    } finally {
      reader.kill("SIGKILL");
      ward.kill("SIGTERM");
      await once(ward, "close");
    }
    assert.equal(ward.exitCode, 0);
  });

  test("ends with the program that started it when asked to", async () => {
    const ward = start("simulate", "masimo-ascii1@pty", "--until-stdin-ends", "--json");
    await linesOf(ward).next();
    ward.stdin.end();
    await once(ward, "close");
    assert.equal(ward.exitCode, 0);
  });

  test("wrong use is one clear line", async () => {
    const cases: readonly (readonly [Command, string[], RegExp])[] = [
      [simulate, [], /name at least one model; wardgate devices list/],
      [
        simulate,
        ["nope"],
        /there is no simulator for it\. wardgate devices list shows every model\.$/,
      ],
      [simulate, ["lads-device@tcp"], /Use opc\.tcp or opc\.tcp:\/\/127\.0\.0\.1:port\.$/],
      [simulate, ["tsi-rpc30@serial:/dev/x"], /Cannot simulate a Modbus device on/],
      [simulate, ["masimo-ascii1", "--seed", "x"], /--seed x is no whole number/],
      [simulate, ["masimo-ascii1", "--fault", "fire"], /--fault fire is not NAME=on@SECONDS/],
      [simulate, ["masimo-ascii1@tcp://0.0.0.0:0"], /this machine only/],
      [simulate, ["masimo-ascii1@opc.tcp"], /pty, tcp, unix and udp/],
      [devices, [], /write wardgate devices list/],
      [devices, ["read", "masimo-ascii1"], /name one model and its line/],
      [devices, ["read", "masimo-ascii1", "--line", "opc.tcp://x:1"], /not read over opc.tcp/],
      [devices, ["read", "masimo-ascii1", "--line", "x"], /no kind of line/],
      [devices, ["read", "masimo-ascii1", "--line", "tcp://x:1", "--unit", "999"], /--unit 999/],
      [devices, ["read", "masimo-ascii1", "--line", "tcp://x:1", "--device", "Ä"], /no device id/],
    ];
    for (const [command, args, message] of cases) {
      const { code, stdout, stderr } = await run(command, args);
      assert.match(String(code), /^WARD_/);
      assert.match(stderr, message);
      assert.equal(stdout, "");
    }
    const child = start("simulate");
    await once(child, "close");
    assert.equal(child.exitCode, 2);
  });

  test("devices read ends with 1 when nothing was read", async () => {
    const args = ["read", "masimo-ascii1", "--line", "tcp://127.0.0.1:1"];
    const { code, stdout, stderr } = await run(devices, [...args, "--seconds", "1", "--json"]);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /backoff: Cannot open tcp:\/\/127.0.0.1:1: connection refused/);
  });

  test("devices list names every model with its facts; each can be simulated", async () => {
    const { code, stdout } = await run(devices, ["list", "--json"]);
    assert.equal(code, 0);
    const models = JSON.parse(stdout) as Record<string, unknown>[];
    for (const { model, maker, protocol, lines, evidence, mode } of models) {
      assert.match(String(model), /^[a-z0-9]+(-[a-z0-9]+)+$/);
      assert.ok(typeof maker === "string" && typeof protocol === "string");
      assert.ok(Array.isArray(lines) && lines.length > 0);
      assert.ok(evidence === "A" || evidence === "B");
      assert.ok(mode === "passive" || mode === "active");
      assert.ok(
        SIMULATORS.some((simulator) => simulator.model === model),
        String(model),
      );
    }
    assert.match((await run(devices, ["list"])).stdout, /^MODEL .*\nnonin-oem3-format2 /);
  });
});
