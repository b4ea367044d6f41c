import { AccountSheet } from "./account-sheet.ts";
import { ChainPage } from "./chain-page.ts";
import type { DeviceNames } from "./names.ts";
import { PageCache, type PageForm } from "./page-cache.ts";
import { packPage, readText, unpackPage, writeText } from "./page-form.ts";
import { RunPage } from "./run-page.ts";
import { decodeSalt, encodeSalt, type SaltPage } from "./salt-page.ts";
import { Suspects } from "./suspects.ts";
import { TakeBlock } from "./take-block.ts";

/** A device as the books name it. */
export interface DevicePage {
  readonly gateway: string;
  readonly device: string;
}

/** Looks pages up in the store: what is there, by key. */
export type PageLoader = (keys: readonly string[]) => Promise<ReadonlyMap<string, Uint8Array>>;

/** The pages of the books in memory: what was loaded from the store, and what has changed since. */
export class BookPages {
  /** By device tag. */
  readonly devices: PageCache<DevicePage>;
  /** By run: device tag and boot. */
  readonly runs: PageCache<RunPage>;
  /** By run and block of takes. */
  readonly blocks: PageCache<TakeBlock>;
  /** By device tag and hour: an account each. */
  readonly hours: PageCache<AccountSheet> = new PageCache(sheetForm("h"));
  /** By gateway and salt. */
  readonly salts: PageCache<SaltPage>;
  /** By gateway, store and class. */
  readonly chains: PageCache<ChainPage>;
  /** One page: items and duplicates of all devices. */
  readonly totals: PageCache<AccountSheet> = new PageCache(sheetForm("t"));
  /** One page. */
  readonly suspects: PageCache<Suspects>;
  readonly #load: PageLoader;
  readonly #wanted = new Map<string, (bytes: Uint8Array | null) => void>();

  constructor(names: DeviceNames, load: PageLoader) {
    this.#load = load;
    this.devices = new PageCache(deviceForm(names));
    this.runs = new PageCache({
      prefix: "r",
      encode: (page: RunPage) => page.encode(),
      decode: (bytes) => RunPage.decode(bytes),
    });
    this.blocks = new PageCache({
      prefix: "b",
      encode: (page: TakeBlock) => page.encode(),
      decode: (bytes) => TakeBlock.decode(bytes),
    });
    this.salts = new PageCache({ prefix: "s", encode: encodeSalt, decode: decodeSalt });
    this.chains = new PageCache({
      prefix: "c",
      encode: (page: ChainPage) => page.encode(),
      decode: (bytes) => ChainPage.decode(bytes),
    });
    this.suspects = new PageCache({
      prefix: "u",
      encode: (page: Suspects) => page.encode(names),
      decode: (bytes) => Suspects.decode(bytes, names),
    });
  }

  /** Notes that a page will be looked at; `fetch` loads it unless it is in memory. */
  want<T>(cache: PageCache<T>, name: string): void {
    if (!cache.knows(name)) {
      this.#wanted.set(cache.key(name), (bytes) => cache.learn(name, bytes));
    }
  }

  /** Loads what is wanted. */
  async fetch(): Promise<void> {
    if (this.#wanted.size === 0) {
      return;
    }
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    const found = await this.#load(wanted.map(([key]) => key));
    for (const [key, learn] of wanted) {
      learn(found.get(key) ?? null);
    }
  }

  /** Everything that changed, by key; null for what is to be deleted. */
  changes(): Map<string, Uint8Array | null> {
    return new Map(this.#all().flatMap((cache) => cache.changes()));
  }

  get changedCount(): number {
    return this.#all().reduce((sum, cache) => sum + cache.changedCount, 0);
  }

  /** All changes are saved: memory goes back to its bounds. */
  settle(): void {
    for (const cache of this.#all()) {
      const stays = cache === this.chains || cache === this.totals || cache === this.suspects;
      cache.settle(stays ? Number.POSITIVE_INFINITY : PAGES_MAX);
    }
  }

  #all(): PageCache<unknown>[] {
    const { devices, runs, blocks, hours, salts, chains, totals, suspects } = this;
    return [devices, runs, blocks, hours, salts, chains, totals, suspects];
  }
}

/** Unchanged pages of one kind that stay in memory. */
const PAGES_MAX = 20_000;

function sheetForm(prefix: string): PageForm<AccountSheet> {
  return {
    prefix,
    encode: (sheet) => packPage((writer) => sheet.write(writer)),
    decode: (bytes) => AccountSheet.read(unpackPage(bytes)),
  };
}

/** The device's name lies sealed in its page. */
function deviceForm(names: DeviceNames): PageForm<DevicePage> {
  return {
    prefix: "d",
    encode: ({ gateway, device }) =>
      packPage((writer) => {
        writeText(writer, gateway);
        const sealed = names.seal(gateway, device);
        writer.uint(sealed.length);
        writer.raw(sealed);
      }),
    decode: (bytes) => {
      const reader = unpackPage(bytes);
      const gateway = readText(reader);
      const sealed = reader.raw("name", reader.uint("name", NAME_BYTES_MAX));
      return { gateway, device: names.open(gateway, sealed) };
    },
  };
}

const NAME_BYTES_MAX = 65_536;
