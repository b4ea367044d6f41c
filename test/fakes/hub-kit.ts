import { createPrivateKey, generateKeyPairSync, randomBytes } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { digestOf } from "../../gateway/digest.ts";
import { firstIndices, hasIndex } from "../../gateway/indices.ts";
import { makeBinding } from "../../gateway/identity/identity.ts";
import type { ClassName, Item } from "../../gateway/reading.ts";
import type { TakeGap } from "../../gateway/rooms.ts";
import type { RecordClass } from "../../gateway/sealing/envelope.ts";
import type { GapRecord } from "../../gateway/sealing/gap.ts";
import { Sealer, type Sealed } from "../../gateway/sealing/seal.ts";
import { RecordSigner } from "../../gateway/sealing/sign.ts";
import type { TallyTake } from "../../gateway/sealing/tally.ts";
import { GATEWAY_FILES } from "../../gateway/identity/site-files.ts";
import { Desk, READINGS_FILE, STORE_FILE, type Outcome } from "../../hub/desk.ts";
import { readHubIdentity, type HubIdentity } from "../../hub/hub-identity.ts";
import { openBooks } from "../../hub/open-books.ts";
import type { Message } from "../../hub/parking.ts";
import { reportLedger, type LedgerReport, type ReportWish } from "../../hub/report.ts";
import { SqliteStore } from "../../hub/sqlite-store.ts";
import type { HubStore } from "../../hub/store.ts";
import { makeSite, type Site } from "../../provisioning/site.ts";
import { AT, BOOT, reading } from "./sealing-kit.ts";
import { softwareTlsKey } from "../../gateway/identity/key-provider.ts";

export const GATEWAY = "gw-001";

/** A whole provisioned site in a temporary directory. */
export interface HubSite {
  readonly site: Site;
  readonly root: string;
  readonly identity: HubIdentity;
  remove(): void;
}

export async function makeHubSite(): Promise<HubSite> {
  const root = mkdtempSync(join(tmpdir(), "wardgate-hub-"));
  const site = await makeSite({
    directory: join(root, "site"),
    gateway: GATEWAY,
    hub: "hub-1",
    brokerNames: ["localhost", "127.0.0.1"],
  });
  const identity = await readHubIdentity(site.hubDirectory);
  return { site, root, identity, remove: () => rmSync(root, { recursive: true, force: true }) };
}

let directories = 0;

/** A new empty hub directory beside the site's own; the identity is read from the site's. */
export function freshDirectory(hub: HubSite): string {
  directories += 1;
  return join(hub.root, `hub-${directories}`);
}

export async function openDesk(
  hub: HubSite,
  directory: string,
  more: {
    readonly rebuild?: boolean;
    readonly now?: () => number;
    readonly store?: HubStore;
    readonly ndjson?: boolean;
    readonly onTrouble?: (text: string) => void;
    readonly onUnaccounted?: (text: string) => void;
  } = {},
): Promise<Desk> {
  return await Desk.open({
    directory,
    identity: hub.identity,
    now: Date.now,
    onTrouble: (text) => {
      throw new Error(text);
    },
    ...more,
  });
}

/** Commits everything, however many steps it takes. */
export async function commitAll(desk: Desk, messages: readonly Message[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (outcomes.length < messages.length) {
    outcomes.push(...(await desk.commit(messages.slice(outcomes.length))));
  }
  return outcomes;
}

/** The ledger of a hub directory, or of a store that is given. */
export async function reportOf(
  hub: HubSite,
  from: string | HubStore,
  wish: ReportWish = {},
): Promise<LedgerReport> {
  const own =
    typeof from === "string" ? SqliteStore.open(join(from, STORE_FILE), { readOnly: true }) : null;
  const store = own ?? (from as HubStore);
  try {
    const books = await openBooks({ store, identity: hub.identity, now: Date.now });
    return await reportLedger({ books, store }, wish);
  } finally {
    await own?.close();
  }
}

export function readingsText(directory: string): string {
  return readFileSync(join(directory, READINGS_FILE), "utf8");
}

/** The lines of `readings.ndjson`. */
export function readingsLines(directory: string): Record<string, unknown>[] {
  const text = readingsText(directory);
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** `device boot take index` of every reading, waveform and notice in the file. */
export function identitiesIn(directory: string): string[] {
  return readingsLines(directory)
    .filter(({ kind }) => kind === "reading" || kind === "waveform" || kind === "notice")
    .map(({ device, boot, take, index }) => [device, boot, take, index].join(" "));
}

/** One put of a flow host: batches and what became of the takes. */
export interface Put {
  readonly batches: readonly { readonly class: ClassName; readonly items: readonly Item[] }[];
  readonly takes: readonly TallyTake[];
  readonly gaps?: readonly TakeGap[];
  readonly backlog?: boolean;
}

/** A message with what a test wants to know about it. */
export interface GatewayRecord extends Message {
  readonly class: RecordClass;
  readonly sequence: number;
  readonly hash: string;
  readonly salt: string;
  readonly items: number;
}

/** Seals and signs as a gateway does, and keeps nothing. */
export class FakeGateway {
  readonly id: string;
  readonly store: string;
  readonly #signer: RecordSigner;
  readonly #binding: Uint8Array;
  readonly #sealer: Sealer;
  readonly #keeper: Sealer;
  readonly #chains = new Map<RecordClass, { sequence: number; hash: string | null }>();

  constructor(o: {
    readonly id: string;
    readonly signingKey: KeyObject;
    readonly binding: Uint8Array;
    readonly hub: HubSite;
    readonly store?: string;
    readonly rotateBatches?: number;
    /** When it makes its epochs, epoch milliseconds (default AT). */
    readonly at?: number;
  }) {
    const { recipients } = o.hub.site.hubKeys;
    const sealing = { gateway: o.id, recipients, now: () => o.at ?? AT };
    this.id = o.id;
    this.store = o.store ?? randomBytes(8).toString("hex");
    this.#signer = new RecordSigner({ key: o.signingKey });
    this.#binding = o.binding;
    this.#sealer = new Sealer({
      ...sealing,
      origin: "flowhost",
      ...(o.rotateBatches === undefined ? {} : { rotateBatches: o.rotateBatches }),
    });
    this.#keeper = new Sealer({ ...sealing, origin: "keeper" });
  }

  /** The gateway that the site was made with. */
  static ofSite(hub: HubSite, more: { store?: string; rotateBatches?: number } = {}): FakeGateway {
    const { gatewayDirectory } = hub.site;
    return new FakeGateway({
      id: GATEWAY,
      signingKey: createPrivateKey(readFileSync(join(gatewayDirectory, GATEWAY_FILES.signingKey))),
      binding: readFileSync(join(gatewayDirectory, GATEWAY_FILES.binding)),
      hub,
      ...more,
    });
  }

  /** Someone with a certificate and key pair of their own. */
  static withIdentity(
    hub: HubSite,
    id: string,
    identity: { readonly certificate: string; readonly key: string },
  ): FakeGateway {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const binding = makeBinding({
      certificateChainPem: identity.certificate,
      certificateKey: softwareTlsKey(createPrivateKey(identity.key)),
      signingPublicKey: publicKey,
      now: Date.now(),
    });
    return new FakeGateway({ id, signingKey: privateKey, binding, hub });
  }

  /** All epochs so far, as messages. */
  epochs(): Message[] {
    const { id: gateway, store } = this;
    return [this.#sealer, this.#keeper].flatMap((sealer) =>
      sealer.unconfirmedEpochs().map(({ bytes }) => ({
        topic: `ward/v1/${gateway}/up/epoch`,
        payload: this.#signer.signEpoch(bytes, { gateway, store, binding: this.#binding }),
      })),
    );
  }

  /** The records of one put: batches first, then the tally. */
  put({ batches, takes, gaps = [], backlog = false }: Put): GatewayRecord[] {
    const sealed = batches.map((batch) => this.#sealer.sealItems(batch.class, batch.items));
    const tally = this.#sealer.sealTally({
      version: 1,
      salts: sealed.map(({ salt }) => salt),
      takes,
      gaps,
      droppedTabs: [],
    });
    return [...sealed, tally].map((record) => this.record(record, backlog));
  }

  /** A gap record about some records. */
  giveUp(records: readonly GatewayRecord[], reason: string): GatewayRecord {
    const sequences = records.map(({ sequence }) => sequence);
    const sealed = this.#keeper.sealGap({
      version: 1,
      store: this.store,
      class: records[0]!.class,
      from: Math.min(...sequences),
      to: Math.max(...sequences),
      reason,
      records: records.map(({ sequence, hash, salt, items }): GapRecord => ({
        sequence,
        hash,
        salt,
        items,
      })),
      at: AT,
    });
    return this.record(sealed, false);
  }

  /** Signs what is sealed into its place and moves on. */
  record(sealed: Sealed, backlog: boolean): GatewayRecord {
    const chain = this.#chains.get(sealed.class) ?? { sequence: 0, hash: null };
    const place = {
      gateway: this.id,
      store: this.store,
      class: sealed.class,
      sequence: chain.sequence + 1,
      previous: chain.hash,
      storedAt: Date.now(),
    };
    const { bytes: payload, hash } = this.#signer.sign(sealed.bytes, place);
    this.#chains.set(sealed.class, { sequence: place.sequence, hash });
    const { class: name, salt, items } = sealed;
    const topic = `ward/v1/${this.id}/up/${backlog ? "backlog" : "live"}/${name}`;
    return { topic, payload, class: name, sequence: place.sequence, hash, salt, items };
  }

  /** Goes back in its chain as a gateway does whose card was restored from an older copy. */
  setBack(name: RecordClass, to: { readonly sequence: number; readonly hash: string }): void {
    this.#chains.set(name, { sequence: to.sequence, hash: to.hash });
  }

  get sealer(): Sealer {
    return this.#sealer;
  }
}

/** A take of `count` readings. */
export function takeOf(o: {
  readonly device: string;
  readonly take: number;
  readonly count: number;
  readonly boot?: string;
  readonly at?: number;
}): Item[] {
  return Array.from({ length: o.count }, (_, index) =>
    reading({
      device: o.device,
      boot: o.boot ?? BOOT,
      take: o.take,
      index,
      value: 60 + index,
      text: String(60 + index),
      at: o.at ?? AT,
    }),
  );
}

/** The row of a take's tally; what is in none of the other sets was kept. */
export function rowOf(
  items: readonly Item[],
  ends: { readonly withheld?: number; readonly refused?: number; readonly dropped?: number } = {},
  className: ClassName = "vital",
): TallyTake {
  const { withheld = 0, refused = 0, dropped = 0 } = ends;
  const { device, boot, take } = items[0]!;
  return {
    device,
    boot,
    take,
    class: className,
    count: items.length,
    kept: firstIndices(items.length) - withheld - refused - dropped,
    withheld,
    refused,
    dropped,
    digest: digestOf(items),
    rest: digestOf(items.filter(({ index }) => hasIndex(withheld + refused, index))),
  };
}

/** The items of a take that its row says were kept. */
export function keptOf(items: readonly Item[], row: TallyTake): Item[] {
  return items.filter(({ index }) => hasIndex(row.kept, index));
}
