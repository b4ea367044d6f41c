import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { digestOf } from "../../gateway/digest.ts";
import { RoomChild } from "../../gateway/house/room-child.ts";
import { RoomLink } from "../../gateway/room-link.ts";
import { roomProgram } from "../../gateway/house/room-programs.ts";
import type {
  FlowhostToKeeper,
  KeeperToFlowhost,
  LoadedDocument,
  RoomToMain,
  StoredDocument,
} from "../../gateway/rooms.ts";
import { Sealer } from "../../gateway/sealing/seal.ts";
import { readSettings, type Settings } from "../../gateway/settings.ts";
import type { SignedSettings } from "../../gateway/identity/signed-settings.ts";
import { loadSite } from "../../gateway/house/site.ts";
import { EmbeddedBroker } from "../../hub/broker.ts";
import { readBrokerIdentity } from "../../hub/broker-identity.ts";
import { Hub } from "../../hub/hub.ts";
import { readHubIdentity } from "../../hub/hub-identity.ts";
import { makeSite, writeSignedSettings, type Site } from "../../provisioning/site.ts";
import { reading } from "./sealing-kit.ts";

export const GATEWAY = "gw-001";

/** A provisioned site in a temporary directory, with everything but the rooms. */
export class TestSite {
  readonly directory: string;
  readonly site: Site;
  settings: SignedSettings;
  #hub: { hub: Hub; stop: AbortController; ended: Promise<void> } | null = null;
  #broker: EmbeddedBroker | null = null;
  #ports = { gatewayPort: 0, hubPort: 0 };

  private constructor(directory: string, site: Site, settings: SignedSettings) {
    this.directory = directory;
    this.site = site;
    this.settings = settings;
  }

  static async make(): Promise<TestSite> {
    const directory = await mkdtemp(join(tmpdir(), "ward-keeper-"));
    const brokerNames = ["localhost", "127.0.0.1"];
    const site = await makeSite({ directory, gateway: GATEWAY, hub: "hub-1", brokerNames });
    await writeSite(site, 1, false);
    return new TestSite(directory, site, await loadSite(site.gatewayDirectory));
  }

  async startBroker(): Promise<void> {
    const identity = await readBrokerIdentity(this.site.brokerDirectory);
    this.#broker = await EmbeddedBroker.open({ identity, ...this.#ports });
    const { gatewayPort, hubPort } = this.#broker;
    this.#ports = { gatewayPort, hubPort };
    await this.sign(false);
  }

  get hubPort(): number {
    return this.#ports.hubPort;
  }

  async stopBroker(): Promise<void> {
    await this.#broker?.close();
    this.#broker = null;
  }

  /** Signs the settings anew for the broker's port. */
  async sign(authoring: boolean, port = this.#ports.gatewayPort): Promise<void> {
    await writeSite(this.site, port, authoring);
    this.settings = await loadSite(this.site.gatewayDirectory);
  }

  async startHub(port = this.#ports.hubPort): Promise<Hub> {
    const directory = this.site.hubDirectory;
    const ready = Promise.withResolvers<void>();
    const hub = await Hub.open({
      directory,
      identity: await readHubIdentity(directory),
      broker: { url: `mqtts://127.0.0.1:${port}`, serverName: "localhost" },
      onReady: () => ready.resolve(),
    });
    const stop = new AbortController();
    this.#hub = { hub, stop, ended: hub.run(stop.signal) };
    await ready.promise;
    return hub;
  }

  async stopHub(): Promise<void> {
    this.#hub?.stop.abort();
    await this.#hub?.ended;
    this.#hub = null;
  }

  async remove(): Promise<void> {
    await this.stopHub();
    await this.stopBroker();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A keeper process with the test in the places of main and of the flow host. */
export class TestKeeper {
  readonly child: RoomChild;
  readonly heard: RoomToMain[] = [];
  /** Why the process ended, or null. */
  ended: string | null = null;
  readonly #listeners = new Set<() => void>();

  constructor(site: TestSite, tuning: Partial<Settings> = {}) {
    const settings = { ...readSettings({}, {}), ...tuning };
    const dataDirectory = site.site.gatewayDirectory;
    this.child = new RoomChild(roomProgram("keeper", settings, dataDirectory), 60_000, {
      message: (message) => {
        this.heard.push(message);
        this.#tell();
      },
      exit: (why) => {
        this.ended = why;
        this.#tell();
      },
    });
    const config = { dataDirectory, settings: site.settings, tuning: settings };
    this.child.send({ t: "start", config });
  }

  /** Starts a keeper and waits until it is ready. */
  static async start(
    context: { after: (act: () => void) => void },
    site: TestSite,
    tuning: Partial<Settings> = {},
  ): Promise<TestKeeper> {
    const keeper = new TestKeeper(site, tuning);
    context.after(() => keeper.child.kill());
    await keeper.until(() => keeper.heard.some(({ t }) => t === "ready"));
    return keeper;
  }

  /** How long it took to open its outbox (milliseconds). */
  get openMs(): number {
    const ready = this.heard.find((message) => message.t === "ready");
    return ready?.t === "ready" ? Number(ready.facts["openMs"]) : Number.NaN;
  }

  /** The flow host's end of a fresh link. */
  async socket(): Promise<Socket> {
    const { kept, given } = await connectedSockets();
    this.child.send({ t: "link", peer: "flowhost" }, given);
    return kept;
  }

  async link(): Promise<TestFlowhost> {
    const flowhost = new TestFlowhost(await this.socket());
    await flowhost.heard((message) => message.t === "hello");
    return flowhost;
  }

  /** Resolves when something true is said or the process has ended; fails when it ended without. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) {
      if (this.ended !== null) {
        throw new Error(`the keeper ended: ${this.ended} ${JSON.stringify(this.heard.at(-1))}`);
      }
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
  }

  async gone(): Promise<void> {
    while (this.ended === null) {
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
  }

  /** What `outbox status` shows. */
  async status(): Promise<KeeperReport> {
    return (await this.child.ask("outbox-status", 5000)) as KeeperReport;
  }

  /** Asks until the report is as wished. */
  async reports(isTrue: (report: KeeperReport) => boolean): Promise<KeeperReport> {
    for (;;) {
      const report = await this.status();
      if (isTrue(report)) {
        return report;
      }
      const heard = this.heard.length;
      await this.until(() => this.heard.length > heard);
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) {
      listener();
    }
    this.#listeners.clear();
  }
}

export interface KeeperReport {
  connected: boolean;
  store: string;
  batches: number;
  bytes: number;
  oldestAt: number | null;
  classes: Record<
    string,
    {
      stored: number;
      forwarded: number;
      receipted: number;
      rejected: number;
      storedItems: number;
      forwardedItems: number;
      batches: number;
    }
  >;
}

/** The flow host's end of the link: seals and puts. */
export class TestFlowhost {
  readonly messages: KeeperToFlowhost[] = [];
  readonly #documents = new Map<number, string>();
  readonly #link: RoomLink<KeeperToFlowhost, FlowhostToKeeper>;
  readonly #waiting = new Set<() => void>();
  readonly #boot = randomBytes(8).toString("hex");
  #sealer: Sealer | null = null;
  #ids = 0;
  #takes = 0;

  constructor(socket: Socket) {
    this.#link = new RoomLink<KeeperToFlowhost, FlowhostToKeeper>(socket, {
      parse: (value) => value as KeeperToFlowhost,
      onMessage: (message, blobs) => {
        this.messages.push(message);
        if (message.t === "loaded" && message.found) {
          this.#documents.set(message.id, Buffer.from(blobs[0]!).toString());
        }
        this.#tell();
      },
      onClose: () => this.#tell(),
    });
    this.#link.send({ t: "hello", version: 1 });
  }

  get closed(): boolean {
    return this.#link.closed;
  }

  async heard(isIt: (message: KeeperToFlowhost) => boolean): Promise<KeeperToFlowhost> {
    for (;;) {
      const found = this.messages.find(isIt);
      if (found !== undefined) {
        return found;
      }
      if (this.#link.closed) {
        throw new Error("the link has ended");
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async ask(
    message: DistributiveOmit<FlowhostToKeeper, "id">,
    blobs: readonly Uint8Array[] = [],
  ): Promise<KeeperToFlowhost> {
    this.#ids += 1;
    const id = this.#ids;
    this.#link.send({ ...message, id } as FlowhostToKeeper, blobs);
    return this.heard((answer) => "id" in answer && answer.id === id);
  }

  /** The text of a document, null when there is none, or the code of a failure. */
  async load(what: LoadedDocument): Promise<string | null> {
    const answer = await this.ask({ t: "load", what });
    return answer.t === "loaded" ? (this.#documents.get(answer.id) ?? null) : codeOf(answer);
  }

  /** `saved`, or the code of a failure. */
  async save(what: StoredDocument, text: string): Promise<string> {
    const answer = await this.ask({ t: "save", what }, [Buffer.from(text)]);
    return answer.t === "saved" ? "saved" : codeOf(answer);
  }

  /** Puts a vital batch of `count` readings with its tally; resolves with the answer. */
  async put(count: number): Promise<KeeperToFlowhost> {
    this.#sealer ??= await this.#makeSealer();
    this.#takes += 1;
    const take = this.#takes;
    const at = Date.now();
    const items = Array.from({ length: count }, (_, index) =>
      reading({ boot: this.#boot, take, index, at }),
    );
    const batch = this.#sealer.sealItems("vital", items);
    const all = 2 ** count - 1;
    const tally = this.#sealer.sealTally({
      version: 1,
      salts: [batch.salt],
      takes: [
        {
          device: items[0]!.device,
          boot: this.#boot,
          take,
          class: "vital",
          count,
          kept: all,
          withheld: 0,
          refused: 0,
          dropped: 0,
          digest: digestOf(items),
          rest: 0,
        },
      ],
      gaps: [],
      droppedTabs: [],
    });
    const epochs = this.#sealer.unconfirmedEpochs();
    const blobs = [...epochs.map(({ bytes }) => bytes), batch.bytes, tally.bytes];
    const answer = await this.ask(
      {
        t: "put",
        epochs: epochs.map((_, place) => place),
        batches: [{ class: "vital", blob: epochs.length }],
        tally: epochs.length + 1,
      },
      blobs,
    );
    if (answer.t === "stored") {
      epochs.forEach(({ epoch }) => this.#sealer?.confirmEpoch(epoch));
    }
    return answer;
  }

  close(): void {
    this.#link.close();
  }

  async #makeSealer(): Promise<Sealer> {
    const hello = await this.heard((message) => message.t === "hello");
    const recipients = hello.t === "hello" ? hello.policy.recipients : [];
    return new Sealer({ gateway: GATEWAY, origin: "flowhost", recipients, now: () => Date.now() });
  }

  #tell(): void {
    for (const act of this.#waiting) {
      act();
    }
    this.#waiting.clear();
  }
}

function codeOf(answer: KeeperToFlowhost): string {
  return answer.t === "failed" ? answer.code : answer.t;
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** One end to keep here and one, never read from, to give to another process. */
async function connectedSockets(): Promise<{ kept: Socket; given: Socket }> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const kept = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [given] = (await once(server, "connection")) as [Socket];
  server.close();
  return { kept, given };
}

async function writeSite(site: Site, port: number, authoring: boolean): Promise<void> {
  await writeSignedSettings({
    authority: site.authority,
    gatewayDirectory: site.gatewayDirectory,
    gateway: GATEWAY,
    hubKeys: site.hubKeys,
    settings: {
      authoring,
      broker: { url: `mqtts://127.0.0.1:${port}`, serverName: "localhost" },
      lines: [],
      opcuaTrust: [],
      flows: [{ id: "tab", type: "tab" }],
    },
  });
}
