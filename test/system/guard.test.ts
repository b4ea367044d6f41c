import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import type { JournalEvent } from "../../gateway/journal/event.ts";
import { GuardDesk } from "../../gateway/keeper/guard-desk.ts";
import type { Neighbour } from "../../gateway/guard/sightings.ts";
import type { NetworkRules } from "../../gateway/identity/network-rules.ts";
import type { NoticeText } from "../../gateway/rooms.ts";
import { networkRules, SettingsSigner } from "../fakes/guard-kit.ts";
import { noNetworkBecause, WardNetwork } from "../fakes/ward-network.ts";

const MAIN = fileURLToPath(new URL("../../gateway/main.ts", import.meta.url));
const STRIPPED = fileURLToPath(new URL("../../gateway/program/stripped.js", import.meta.url));
const why = noNetworkBecause();
const options = why === null ? {} : { skip: why };

const RULES: NetworkRules = networkRules({
  wardInterfaces: ["eth1"],
  allow: [
    { from: "10.20.0.7", to: "tcp://10.1.0.5:2575" },
    { from: "fd20::/64", to: "tcp://[fd01::5]:2575" },
    { from: "any", to: "udp://gateway:67" },
  ],
});
const LINES = ["modbus-tcp://10.20.0.7:502", "udp://10.20.0.7:4000", "tcp://[fd20::7]:4001"];

/** A guard on a box with the rights that its service has, and the keeper's desk that talks to it. */
class Box {
  readonly network: WardNetwork;
  readonly directory: string;
  readonly signer: SettingsSigner = new SettingsSigner();
  readonly notices: (NoticeText & { readonly at: number })[] = [];
  readonly journal: JournalEvent[] = [];
  neighbours: readonly Neighbour[] = [];
  #desk: GuardDesk | null = null;
  #guard: ReturnType<WardNetwork["start"]> | null = null;

  constructor(t: TestContext) {
    this.network = WardNetwork.open(t);
    this.directory = mkdtempSync(join(tmpdir(), "guard-"));
    mkdirSync(join(this.directory, "identity"));
    t.after(() => {
      this.#desk?.close();
      rmSync(this.directory, { recursive: true });
    });
  }

  /** Signs settings and has the keeper bring them, as a gateway that starts with them does. */
  bring(network: NetworkRules | undefined, lines: readonly string[] = LINES): void {
    const settings = this.signer.settings({ lines, ...(network === undefined ? {} : { network }) });
    writeFileSync(join(this.directory, "site.cose"), this.signer.sign(settings));
    const pem = this.signer.publicKey.export({ type: "spki", format: "pem" });
    writeFileSync(join(this.directory, "identity/settings-signer.pub.pem"), pem);
    this.again();
  }

  /** A keeper that starts. */
  again(): void {
    this.#desk?.close();
    this.#desk = new GuardDesk({
      socket: join(this.directory, "guard.sock"),
      dataDirectory: this.directory,
      isNeeded: true,
      conduct: {
        devicesAt: (host) => (host === "10.20.0.7" ? ["bed-4/monitor"] : []),
        neighbours: (known) => (this.neighbours = known),
      },
      notices: { of: (notice) => this.notices.push({ ...notice, at: performance.now() }) },
      book: { append: async (event) => void this.journal.push(event) },
      now: () => Date.now(),
    });
  }

  /** Starts the guard with no right but NET_ADMIN; resolves when it listens. */
  async guard(): Promise<void> {
    const service = ["--bounding-set=-all,+net_admin", "--inh-caps=-all", "--no-new-privs"];
    const place = [
      "--socket",
      join(this.directory, "guard.sock"),
      "--directory",
      join(this.directory, "kept"),
    ];
    const program = [process.execPath, `--import=${STRIPPED}`, MAIN, "guard", ...place];
    const guard = this.network.start("box", "setpriv", ...service, ...program);
    this.#guard = guard;
    const lines = createInterface({ input: guard.stdout ?? process.stdin });
    for await (const line of lines) {
      if (line.startsWith("Listening")) {
        return;
      }
    }
    assert.fail("the guard ended");
  }

  async endGuard(signal: NodeJS.Signals): Promise<void> {
    const guard = this.#guard;
    assert.ok(guard !== null);
    const ended = once(guard, "exit");
    // ip and setpriv replace themselves: this is the guard's own process.
    guard.kill(signal);
    await ended;
  }

  /** Waits until rules came into force as often as that. */
  async rules(times: number): Promise<void> {
    await until(
      `rules for the ${times}. time`,
      () => this.journaled("guard-rules").length >= times,
    );
  }

  journaled(kind: JournalEvent["kind"]): readonly JournalEvent[] {
    return this.journal.filter((event) => event.kind === kind);
  }

  async notice(what: RegExp): Promise<NoticeText & { readonly at: number }> {
    await until(String(what), () => this.notices.some(({ text }) => what.test(text)));
    return this.notices.find(({ text }) => what.test(text)) ?? assert.fail();
  }
}

async function until(what: string, is: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!is()) {
    assert.ok(Date.now() < end, `waited in vain for: ${what}`);
    await sleep(50);
  }
}

describe("the guard of a box", options, () => {
  test("in the path, a device reaches whom it may, and an unknown server is refused and named", async (t) => {
    const box = new Box(t);
    const { network } = box;
    await network.listen("world", "tcp", 2575);
    const secret = await network.listen("world", "tcp", 443);
    await network.listen("device", "tcp", 502);
    assert.ok(await network.reaches("device", "10.1.0.5", 443), "without a guard");
    await box.guard();
    box.bring(RULES);
    await box.rules(1);
    secret.heard = 0;
    const begun = performance.now();
    assert.ok(await network.isShut("device", "10.1.0.5", 443));
    const notice = await box.notice(
      /bed-4\/monitor \(10\.20\.0\.7\) reached for 10\.1\.0\.5, tcp port 443/,
    );
    t.diagnostic(`told after ${Math.round(notice.at - begun)} ms`);
    assert.equal(notice.device, "bed-4/monitor");
    assert.equal(notice.notice, "unknown-destination");
    assert.match(notice.text, /dropped/);
    const to = "tcp:10.1.0.5:443";
    assert.deepEqual(
      box.journaled("unknown-destination").map(({ what }) => what),
      [{ side: "ward", from: "ip:10.20.0.7", to }],
    );
    assert.ok(await network.isShut("device", "fd01::5", 443));
    await box.notice(/fd01::5, tcp port 443/);
    // Nobody routes there: only before routing can it be seen.
    network.run("box", "ip", "route", "add", "unreachable", "203.0.113.0/24");
    assert.ok(await network.isShut("device", "203.0.113.9", 22));
    await box.notice(/203\.0\.113\.9, tcp port 22/);
    assert.ok(await network.isShut("device", "10.20.0.1", 22));
    await box.notice(/10\.20\.0\.1, tcp port 22/);
    assert.equal(secret.heard, 0);
    assert.ok(await network.reaches("device", "10.1.0.5", 2575), "allowed by address");
    assert.ok(await network.reaches("device", "fd01::5", 2575), "allowed by network");
    assert.ok(await network.reaches("box", "10.20.0.7", 502), "the gateway reads");
    assert.deepEqual(box.journaled("guard-tampered"), []);
  });

  test("nobody but the gateway reaches a device, and the gateway no more of it than its lines", async (t) => {
    const box = new Box(t);
    const { network } = box;
    await network.listen("device", "tcp", 502);
    await network.listen("device", "tcp", 23);
    const datagrams = await network.listen("box", "udp", 4000);
    const card = "02:00:00:00:00:07";
    await box.guard();
    box.bring(RULES);
    await box.rules(1);
    assert.ok(await network.isShut("world", "10.20.0.7", 502));
    await box.notice(/An unlisted address \(10\.1\.0\.5\) reached for 10\.20\.0\.7, tcp port 502/);
    assert.ok(await network.isShut("box", "10.20.0.7", 23));
    await box.notice(/10\.20\.0\.7, tcp port 23/);
    await until("a datagram of a line", () => {
      network.run("device", "bash", "-c", "echo x > /dev/udp/10.20.0.1/4000");
      return datagrams.heard > 0;
    });
    network.run("device", "ip", "link", "set", "ward0", "address", card);
    await until("another network card is seen", () => {
      network.run("device", "bash", "-c", "echo x > /dev/udp/10.20.0.1/4000");
      return box.neighbours.some(
        ({ address, hardware }) => address === "10.20.0.7" && hardware === card,
      );
    });
  });

  test("a gateway in a container reads its devices and calls its broker, and is reached by nobody", async (t) => {
    const box = new Box(t);
    const { network } = box;
    await Promise.all([
      network.listen("device", "tcp", 502),
      network.listen("device", "tcp", 23),
      network.listen("world", "tcp", 8883),
      network.listen("world", "tcp", 443),
      network.listen("container", "tcp", 80),
    ]);
    await box.guard();
    const allow = [{ from: "10.1.0.5", to: "tcp://10.20.0.8:502" }];
    box.bring({ ...RULES, allow });
    await box.rules(1);
    assert.ok(await network.reaches("container", "10.20.0.7", 502), "a line");
    assert.ok(await network.isShut("container", "10.20.0.7", 23), "no line");
    await box.notice(/172\.17\.0\.2\) reached for 10\.20\.0\.7, tcp port 23/);
    assert.ok(await network.reaches("container", "10.1.0.5", 8883), "the broker");
    assert.ok(await network.reaches("container", "10.1.0.5", 443), "only told");
    await box.notice(/This gateway's box reached for 10\.1\.0\.5, tcp port 443/);
    assert.ok(await network.isShut("world", "172.17.0.2", 80));
    assert.ok(await network.isShut("device", "172.17.0.2", 80));
    await box.notice(/172\.17\.0\.2, tcp port 80/);
    assert.ok(await network.reaches("world", "10.20.0.8", 502), "allowed towards a device");
    box.bring({ ...RULES, allow, own: { unlisted: "drop", hosts: [] } });
    await box.rules(2);
    assert.ok(await network.isShut("container", "10.1.0.5", 443), "dropped");
  });

  test("rules are exchanged without a moment in which all is open, and other tables stay", async (t) => {
    const box = new Box(t);
    const { network } = box;
    network.run(
      "box",
      "nft",
      "add table inet other; add chain inet other wide { type filter hook forward priority -300; policy accept; }",
    );
    await box.guard();
    box.bring(RULES);
    await box.rules(1);
    const [open, shut] = [
      await network.listen("world", "udp", 5000),
      await network.listen("world", "udp", 5001),
    ];
    const flood = network.start(
      "device",
      process.execPath,
      "-e",
      FLOOD,
      "10.1.0.5",
      "5000",
      "5001",
    );
    const exchanges = 12;
    for (let exchange = 0; exchange < exchanges; exchange += 1) {
      const allow = [...RULES.allow, { from: "any", to: "udp://10.1.0.5:5000" }];
      box.bring({ ...RULES, allow: exchange % 2 === 0 ? allow : RULES.allow });
      await box.rules(2 + exchange);
      if (exchange % 2 === 0) {
        const before = open.heard;
        await until("what is allowed gets through", () => open.heard > before);
      }
    }
    flood.kill("SIGKILL");
    assert.ok(open.heard > 0);
    assert.equal(shut.heard, 0, "a packet slipped through while rules were exchanged");
    assert.match(network.run("box", "nft", "list tables"), /table inet other/);
  });

  test("rules outlive the guard; what ran into them meanwhile is told when it is back", async (t) => {
    const box = new Box(t);
    const { network } = box;
    const secret = await network.listen("world", "tcp", 443);
    await box.guard();
    box.bring(RULES);
    await box.rules(1);
    await box.endGuard("SIGKILL");
    assert.ok(await network.isShut("device", "10.1.0.5", 443));
    assert.deepEqual(box.journaled("unknown-destination"), []);
    // As after a new start of the box: nothing in the kernel, and no keeper yet.
    await box.guard();
    await box.notice(/10\.1\.0\.5, tcp port 443/);
    await box.endGuard("SIGTERM");
    network.run("box", "nft", "delete table inet ward");
    await box.guard();
    assert.ok(await network.isShut("device", "10.1.0.5", 443), "by the rules that it kept");
    assert.equal(secret.heard, 0);
  });

  test("who takes the rules away sees them come back, and is told", async (t) => {
    const box = new Box(t);
    const { network } = box;
    const secret = await network.listen("world", "tcp", 443);
    await box.guard();
    box.bring(RULES);
    await box.rules(1);
    network.run("box", "nft", "insert rule inet ward from_device accept");
    await box.notice(/Somebody has changed the rules/);
    secret.heard = 0;
    assert.ok(await network.isShut("device", "10.1.0.5", 443));
    network.run("box", "nft", "flush ruleset");
    await until("it is told again", () => box.journaled("guard-tampered").length > 1);
    assert.ok(await network.isShut("device", "10.1.0.5", 443));
    assert.equal(secret.heard, 0);
  });

  test("rules of others, older ones and of other signers change nothing; settings without a network take them away", async (t) => {
    const box = new Box(t);
    const { network } = box;
    await network.listen("world", "tcp", 443);
    await box.guard();
    const old = box.signer.settings({
      network: networkRules({
        wardInterfaces: ["eth1"],
        allow: [{ from: "any", to: "tcp://10.1.0.5:443" }],
      }),
    });
    box.bring(RULES);
    await box.rules(1);
    const site = join(box.directory, "site.cose");
    const now = readFileSync(site);
    writeFileSync(site, box.signer.sign(old));
    box.again();
    await box.notice(/older than those in force/);
    assert.ok(await network.isShut("device", "10.1.0.5", 443));
    const stranger = new SettingsSigner();
    writeFileSync(
      site,
      stranger.sign(stranger.settings({ network: old.network ?? assert.fail() })),
    );
    const pem = stranger.publicKey.export({ type: "spki", format: "pem" });
    writeFileSync(join(box.directory, "identity/settings-signer.pub.pem"), pem);
    box.again();
    await box.notice(/signed by another key/);
    assert.ok(await network.isShut("device", "10.1.0.5", 443));
    writeFileSync(site, now);
    box.bring(undefined);
    await until(
      "the table is gone",
      () => !network.run("box", "nft", "list tables").includes("inet ward"),
    );
    assert.ok(await network.reaches("device", "10.1.0.5", 443));
  });

  test("beside the path, calls of the box itself to unlisted places are told, or dropped and told", async (t) => {
    const box = new Box(t);
    const { network } = box;
    await network.listen("world", "tcp", 8883);
    await network.listen("world", "tcp", 443);
    await network.listen("world", "tcp", 8443);
    await box.guard();
    const hosts = ["tcp://10.1.0.5:8443"];
    box.bring(networkRules({ own: { unlisted: "tell", hosts } }));
    await box.rules(1);
    assert.ok(await network.reaches("box", "10.1.0.5", 443), "only told");
    await box.notice(/This gateway's box reached for 10\.1\.0\.5, tcp port 443/);
    box.bring(networkRules({ own: { unlisted: "drop", hosts } }));
    await box.rules(2);
    assert.ok(await network.isShut("box", "10.1.0.5", 443), "dropped");
    assert.ok(await network.reaches("box", "10.1.0.5", 8883), "the broker");
    assert.ok(await network.reaches("box", "10.1.0.5", 8443), "a host of the settings");
    assert.ok(await network.reaches("device", "10.1.0.5", 443), "not its business");
    assert.deepEqual(
      box.journaled("unknown-destination").map(({ what }) => what),
      [{ side: "own", from: "ip:10.1.0.1", to: "tcp:10.1.0.5:443" }],
    );
  });
});

const FLOOD = `
const [, host, ...ports] = process.argv;
const socket = require("dgram").createSocket("udp4");
socket.on("error", () => {});
setInterval(() => { for (let i = 0; i < 5; i += 1) for (const port of ports) socket.send("x", Number(port), host, () => {}); }, 1);`;
