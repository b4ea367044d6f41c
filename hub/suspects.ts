import type { ColumnReader } from "../gateway/columns.ts";
import type { DeviceNames } from "./names.ts";
import { packPage, unpackPage, writeText, readText } from "./page-form.ts";

/** A run of bedside of which something is unaccounted for. */
export interface Suspect {
  readonly gateway: string;
  readonly device: string;
  readonly boot: string;
  readonly items: number;
  /** Hub time since when it is so many, or fewer; epoch milliseconds. */
  readonly since: number;
  /** What was told last; 0 for nothing. */
  readonly told: number;
}

/** Runs of which something is unaccounted for. Most only wait for a record that is on its way. */
export class Suspects {
  readonly #runs: Map<string, Suspect>;
  /** When those of a gateway were last looked through, hub time. */
  readonly #lookedAt: Map<string, number>;

  private constructor(runs: Map<string, Suspect>, lookedAt: Map<string, number>) {
    this.#runs = runs;
    this.#lookedAt = lookedAt;
  }

  static none(): Suspects {
    return new Suspects(new Map(), new Map());
  }

  /**
   * Notes what is unaccounted for in a run at a time; `who` is null where it can only have become less. True when that changed
   * anything.
   */
  note(
    run: string,
    who: Pick<Suspect, "gateway" | "device" | "boot"> | null,
    { items, at }: { readonly items: number; readonly at: number },
  ): boolean {
    const known = this.#runs.get(run) ?? null;
    const named = known ?? who;
    if (named === null || (known?.items ?? 0) === items) {
      return false;
    }
    if (items === 0 && known?.told === 0) {
      this.#runs.delete(run);
      return true;
    }
    if (known === null && this.#runs.size >= SUSPECTS_MAX) {
      return false;
    }
    const { gateway, device, boot } = named;
    const since = known === null || items > known.items ? at : known.since;
    this.#runs.set(run, { gateway, device, boot, items, since, told: known?.told ?? 0 });
    return true;
  }

  /**
   * What has to be told at a time: what stayed unaccounted for longer than anything takes on its way, while nothing is
   * missing in the gateway's chains (then it still has it), and what is explained again. Looks at one gateway, so that what
   * it tells goes with a record of that gateway. Null when it is not time to look.
   */
  look(at: number, gateway: string, isWhole: () => boolean): Suspect[] | null {
    if (this.#runs.size === 0 || at - (this.#lookedAt.get(gateway) ?? 0) < LOOK_MS) {
      return null;
    }
    this.#lookedAt.set(gateway, at);
    const news: Suspect[] = [];
    for (const [run, suspect] of this.#runs) {
      if (
        suspect.gateway === gateway &&
        isNews(suspect, at) &&
        (suspect.items === 0 || isWhole())
      ) {
        news.push(suspect);
        if (suspect.items === 0) {
          this.#runs.delete(run);
        } else {
          this.#runs.set(run, { ...suspect, told: suspect.items });
        }
      }
    }
    return news;
  }

  encode(names: DeviceNames): Uint8Array {
    return packPage((writer) => {
      writer.uint(this.#lookedAt.size);
      for (const [gateway, at] of this.#lookedAt) {
        writeText(writer, gateway);
        writer.uint(at);
      }
      writer.uint(this.#runs.size);
      for (const [run, { gateway, device, boot, items, since, told }] of this.#runs) {
        writeText(writer, run);
        writeText(writer, gateway);
        const sealed = names.seal(gateway, device);
        writer.uint(sealed.length);
        writer.raw(sealed);
        writeText(writer, boot);
        writer.uint(items);
        writer.uint(since);
        writer.uint(told);
      }
    });
  }

  static decode(bytes: Uint8Array, names: DeviceNames): Suspects {
    const reader = unpackPage(bytes);
    const lookedAt = Array.from(
      { length: reader.count("gateways", Number.MAX_SAFE_INTEGER) },
      (): [string, number] => [readText(reader), reader.uint("time", Number.MAX_SAFE_INTEGER)],
    );
    const runs = Array.from({ length: reader.count("suspects", SUSPECTS_MAX) }, () =>
      readSuspect(reader, names),
    );
    return new Suspects(new Map(runs), new Map(lookedAt));
  }
}

function isNews({ items, told, since }: Suspect, at: number): boolean {
  return items === 0 || (items !== told && at - since >= GRACE_MS);
}

function readSuspect(reader: ColumnReader, names: DeviceNames): [string, Suspect] {
  const number = (): number => reader.uint("count", Number.MAX_SAFE_INTEGER);
  const run = readText(reader);
  const gateway = readText(reader);
  const device = names.open(gateway, reader.raw("name", number()));
  const boot = readText(reader);
  return [run, { gateway, device, boot, items: number(), since: number(), told: number() }];
}

/** How often runs are looked through, in hub time of the records that come in (milliseconds). */
const LOOK_MS = 10_000;
/**
 * Longer than a gateway takes to account for anything: an item that a flow dropped is accounted for after ten minutes at
 * most, and tallies come after batches (milliseconds).
 */
const GRACE_MS = 900_000;
/** Runs remembered. */
const SUSPECTS_MAX = 10_000;
