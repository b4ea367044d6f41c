import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Guard } from "../../../gateway/guard/guard.ts";
import {
  GUARD_LINE_MAX,
  type GuardState,
  type GuardToKeeper,
  readGuardLine,
} from "../../../gateway/guard/message.ts";
import { hearLines } from "../../../gateway/guard/socket-lines.ts";
import { networkRules, SettingsSigner } from "../../fakes/guard-kit.ts";

/**
 * In the place of nft: keeps what it is told to set, and tells a table that the test has written. `test/system/guard.test.ts` has the
 * real one, where there is one.
 */
const FAKE_NFT = `#!/bin/sh
cd "$(dirname "$0")"
if test -e broken; then echo "Error: Operation not permitted" >&2; exit 1; fi
case "$1" in
  -f) cat > set.new; if grep -q "table inet ward {" set.new; then mv set.new rules; else rm -f rules; fi; echo set >> calls ;;
  *) if test -e rules; then cat table.json; else echo "Error: No such file or directory" >&2; exit 1; fi ;;
esac
`;

let directory: string;
let guard: Guard | null;
let socket: Socket | null;
let heard: GuardToKeeper[];
const at = (name: string): string => join(directory, name);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "guard-"));
  writeFileSync(at("nft"), FAKE_NFT, { mode: 0o755 });
  writeFileSync(at("table.json"), JSON.stringify({ nftables: [] }));
  [guard, socket, heard] = [null, null, []];
});
afterEach(async () => {
  socket?.destroy();
  await guard?.close();
  rmSync(directory, { recursive: true });
});

async function open(): Promise<void> {
  guard = await Guard.open({
    socket: at("guard.sock"),
    directory: at("kept"),
    nft: at("nft"),
    say: () => undefined,
  });
}

/** Brings settings as a keeper does, and hears what the guard says. */
function bring(offer: { readonly signer: string; readonly site: string }): void {
  if (socket === null) {
    socket = connect(at("guard.sock"));
    hearLines(socket, GUARD_LINE_MAX, (line) => heard.push(readGuardLine(line)));
  }
  socket.write(`${JSON.stringify({ t: "settings", ...offer })}\n`);
}

async function state(is: (state: GuardState) => boolean): Promise<void> {
  while (!heard.some((message) => message.t === "state" && is(message))) {
    await sleep(5);
  }
}

describe("the guard", () => {
  const signer = new SettingsSigner();
  const network = networkRules({ wardInterfaces: ["eth1"] });

  test("sets nothing before it was brought settings, nor for settings that say nothing of a network", async () => {
    await open();
    bring(signer.offer());
    await state(({ site }) => site !== "");
    assert.equal(existsSync(at("rules")), false);
    bring(signer.offer({ network }));
    await state(({ place }) => place === "in-path");
    assert.match(readFileSync(at("rules"), "utf8"), /policy drop/);
    bring(signer.offer());
    await state(({ place }) => place === "idle");
    heard = [];
    bring(signer.offer());
    await state(({ place }) => place === "idle");
    assert.equal(existsSync(at("rules")), false);
  });

  test("goes by what it kept before anybody brings it something", async () => {
    await open();
    bring(signer.offer({ network }));
    await state(({ place }) => place === "in-path");
    await guard?.close();
    rmSync(at("rules"));
    await open();
    assert.match(readFileSync(at("rules"), "utf8"), /policy drop/);
  });

  test("a second guard on the same socket ends, and leaves the first and its rules alone", async () => {
    await open();
    bring(signer.offer({ network }));
    await state(({ place }) => place === "in-path");
    const calls = readFileSync(at("calls"), "utf8");
    const second = Guard.open({
      socket: at("guard.sock"),
      directory: at("kept"),
      nft: at("nft"),
      say: () => undefined,
    });
    await assert.rejects(second, { code: "WARD_GUARD_TWICE" });
    assert.equal(readFileSync(at("calls"), "utf8"), calls);
    heard = [];
    bring(signer.offer({ network: networkRules() }));
    await state(({ place }) => place === "beside");
  });

  test("says what keeps it from setting rules, and sets them when it can", async () => {
    await open();
    writeFileSync(at("broken"), "");
    bring(signer.offer({ network }));
    await state(({ problem }) => problem.includes("Operation not permitted"));
    rmSync(at("broken"));
    await state(({ place, problem }) => place === "in-path" && problem === "");
  });

  test("lets what it cannot take change nothing, and says why", async () => {
    await open();
    bring(signer.offer({ network }));
    await state(({ place }) => place === "in-path");
    const rules = readFileSync(at("rules"), "utf8");
    bring(new SettingsSigner().offer());
    await state(({ problem }) => problem.includes("another key"));
    assert.equal(readFileSync(at("rules"), "utf8"), rules);
  });
});
