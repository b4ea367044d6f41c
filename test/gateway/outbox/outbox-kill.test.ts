import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { NODE_OPTIONS } from "../../../gateway/program/options.ts";
import { openTestOutbox, readAll, temporaryDirectory } from "../../fakes/outbox-kit.ts";
import { fakeBody } from "../../fakes/record-codec.ts";

const KILLS = 50;
const WRITER = join(import.meta.dirname, "../../fakes/outbox-writer.ts");

test(
  "what was acknowledged is there after kill -9 at any moment",
  { timeout: 100_000 },
  async (t) => {
    const store = temporaryDirectory(t);
    const log = join(store, "../acknowledged");
    for (let round = 0; round < KILLS; round += 1) {
      const writer = startWriter([store, log, `r${round}`, "yes"]);
      await said(writer, "open");
      await sleep(Math.random() * 60);
      writer.kill("SIGKILL");
      await once(writer, "exit");
    }
    const { outbox, told } = await openTestOutbox(store);
    const found = new Map<string, string>();
    for (const record of await readAll(outbox)) {
      found.set(
        `${record.class}/${record.store} ${record.sequence}`,
        fakeBody(record.bytes).split(" ")[0]!,
      );
    }
    const acknowledged = readAcknowledged(log);
    assert.ok(acknowledged.size > KILLS, "the writer got something done");
    const lost = [...acknowledged].filter(([place, body]) => found.get(place) !== body);
    assert.deepEqual(lost, []);
    assert.deepEqual(told.lost, []);
    assert.equal(existsSync(`${log}.lost`), false);
    assertNoHoles(found);
    await outbox.close();
  },
);

test(
  "a full disk loses nothing, and the store goes on by itself",
  { timeout: 60_000 },
  async (t) => {
    const store = temporaryDirectory(t);
    const log = join(store, "../acknowledged");
    for (let round = 0; round < 5; round += 1) {
      const writer = startWriter([store, log, `f${round}`, "no"]);
      await said(writer, "open");
      await sleep(30 + Math.random() * 50);
      // Every file may have at most so many bytes: a write beyond fails with EFBIG, as one fails on a full disk.
      await limitFileSize(writer, "60000");
      await said(writer, "WARD_OUTBOX_WRITE");
      await limitFileSize(writer, "unlimited");
      await said(writer, "well");
      await sleep(30 + Math.random() * 50);
      writer.kill("SIGKILL");
      await once(writer, "exit");
    }
    const { outbox, told } = await openTestOutbox(store);
    const found = new Map<string, string>();
    for (const record of await readAll(outbox)) {
      found.set(
        `${record.class}/${record.store} ${record.sequence}`,
        fakeBody(record.bytes).split(" ")[0]!,
      );
    }
    const lost = [...readAcknowledged(log)].filter(([place, body]) => found.get(place) !== body);
    assert.deepEqual(lost, []);
    assert.deepEqual(told.lost, []);
    assertNoHoles(found);
    await outbox.close();
  },
);

function startWriter(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...NODE_OPTIONS, WRITER, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function said(writer: ChildProcess, word: string): Promise<void> {
  let text = "";
  for await (const chunk of writer.stdout!.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (text.split("\n").includes(word)) {
      return;
    }
  }
  assert.fail(`the writer ended without saying ${word}: ${text}`);
}

async function limitFileSize(writer: ChildProcess, bytes: string): Promise<void> {
  const child = spawn("prlimit", ["--pid", String(writer.pid), `--fsize=${bytes}:unlimited`]);
  const [code] = (await once(child, "exit")) as [number];
  assert.equal(code, 0);
}

/** The last word on each place that the log names, without what a receipt may have taken. */
function readAcknowledged(log: string): Map<string, string> {
  const acknowledged = new Map<string, string>();
  for (const line of readFileSync(log, "utf8").split("\n").slice(0, -1)) {
    const [what = "", first = "", second = ""] = line.split(" ");
    if (!what.startsWith("receipt/")) {
      assert.equal(acknowledged.get(`${what} ${first}`), undefined, "no number is given twice");
      acknowledged.set(`${what} ${first}`, second);
    }
  }
  for (const line of readFileSync(log, "utf8").split("\n")) {
    const [what = "", from, to] = line.split(" ");
    if (what.startsWith("receipt/")) {
      for (let sequence = Number(from); sequence <= Number(to); sequence += 1) {
        acknowledged.delete(`${what.replace("receipt", "vital")} ${sequence}`);
      }
    }
  }
  return acknowledged;
}

function assertNoHoles(found: ReadonlyMap<string, string>): void {
  const chains = Map.groupBy(found.keys(), (place) => place.split(" ")[0]!);
  for (const [chain, places] of chains) {
    const numbers = places.map((place) => Number(place.split(" ")[1])).sort((a, b) => a - b);
    assert.equal(numbers.at(-1)! - numbers[0]! + 1, numbers.length, `${chain} without holes`);
  }
}
