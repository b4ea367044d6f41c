import type { ItemColumns, ItemGroup, ReadingSeries } from "../gateway/sealing/item-columns.ts";
import { itemAt } from "../gateway/sealing/unbatch.ts";
import { flat, valueWords } from "./value-words.ts";

/** Where a record came from, for the lines made of it. */
export interface LineSource {
  readonly gateway: string;
  readonly backlog: boolean;
}

/** What the books found of an item. */
export interface LineFacts {
  /** A flow changed its take. */
  readonly isDerived: boolean;
  /** What its time has to be corrected by (milliseconds). */
  readonly correctedMs: number;
}

/**
 * Writes the lines of a batch's items: the item as JSON, then its gateway and lane. What a series or a group says in every
 * line is put into words once.
 */
export class ItemLines {
  readonly #columns: ItemColumns;
  readonly #series: (SeriesWords | null | undefined)[] = [];
  readonly #end: string;
  readonly #derivedEnd: string;
  #group: ItemGroup | null = null;
  #head = "";
  #middle = "";

  constructor(source: LineSource, columns: ItemColumns) {
    this.#columns = columns;
    const lane = source.backlog ? "backlog" : "live";
    const end = `,"gateway":${JSON.stringify(source.gateway)},"lane":"${lane}"`;
    this.#end = flat(`${end}}\n`);
    this.#derivedEnd = flat(`${end},"derived":true}\n`);
  }

  /** The line of item number `item`, which is one of `group`, with its newline. */
  at(group: ItemGroup, item: number, { isDerived, correctedMs }: LineFacts): string {
    const corrected = correctedMs === 0 ? "" : this.#corrected(group, item, correctedMs);
    const end = corrected + (isDerived ? this.#derivedEnd : this.#end);
    const words = this.#wordsOf(this.#columns.places[item] ?? 0);
    if (words === null) {
      return JSON.stringify(itemAt(this.#columns, group, item)).slice(0, -1) + end;
    }
    this.#enter(group);
    const { json } = valueWords(this.#columns, words.form, item);
    return this.#head + words.head + json + words.unit + this.#middle + words.tail + end;
  }

  #corrected(group: ItemGroup, item: number, ms: number): string {
    const kind = this.#columns.series[this.#columns.places[item] ?? 0]?.kind;
    return `,"${kind === "waveform" ? "start" : "at"}Corrected":${group.at + ms}`;
  }

  /** Null for what is no reading. */
  #wordsOf(place: number): SeriesWords | null {
    const known = this.#series[place];
    if (known !== undefined) {
      return known;
    }
    const series = this.#columns.series[place];
    const made = series?.kind === "reading" ? readingWords(series) : null;
    this.#series[place] = made;
    return made;
  }

  #enter(group: ItemGroup): void {
    if (this.#group === group) {
      return;
    }
    this.#group = group;
    const { device, boot } = group.source;
    this.#head = flat(
      `{"kind":"reading","device":${JSON.stringify(device)},"boot":"${boot}","take":${group.take}`,
    );
    this.#middle = flat(`,"at":${group.at},"clock":"${group.clock}","deviceAt":${group.deviceAt}`);
  }
}

interface SeriesWords {
  readonly form: number;
  readonly head: string;
  readonly unit: string;
  readonly tail: string;
}

function readingWords(series: ReadingSeries): SeriesWords {
  const { form, index, code, mdc, unit, quality, path } = series;
  return {
    form,
    head: flat(`,"index":${index},"code":${JSON.stringify(code)},"mdc":${mdc},"value":`),
    unit: flat(`,"unit":${JSON.stringify(unit)}`),
    tail: flat(`,"quality":${JSON.stringify(quality)},"path":${JSON.stringify(path)}`),
  };
}
