import { isAscii } from "../gateway/crc-state.ts";
import { itemDigest } from "../gateway/digest.ts";
import { FORM_DECIMAL } from "../gateway/sealing/batch.ts";
import type { ItemColumns, ItemGroup } from "../gateway/sealing/item-columns.ts";
import { itemAt } from "../gateway/sealing/unbatch.ts";
import {
  SeriesDigest,
  type SeriesFields,
  type TimesDigest,
  timesDigest,
} from "../gateway/series-digest.ts";
import { valueWords } from "./value-words.ts";

/** The digests of a batch's items, each equal to `itemDigest` of the item, without making the items. */
export class ItemDigests {
  readonly #columns: ItemColumns;
  readonly #series: (Known | null | undefined)[] = [];
  #group: ItemGroup | null = null;
  #times: TimesDigest = timesDigest(0, null);

  constructor(columns: ItemColumns) {
    this.#columns = columns;
  }

  /** The digest of item number `item`, which is one of `group`. */
  at(group: ItemGroup, item: number): number {
    const known = this.#of(this.#columns.places[item] ?? 0);
    if (known === null) {
      return itemDigest(itemAt(this.#columns, group, item));
    }
    const { value, text } = valueWords(this.#columns, known.form, item);
    if (known.form < FORM_DECIMAL && !(isAscii(value) && isAscii(text))) {
      return itemDigest(itemAt(this.#columns, group, item));
    }
    if (this.#group !== group) {
      this.#group = group;
      this.#times = timesDigest(group.at, group.deviceAt);
    }
    return known.digest.digest(value, text, this.#times);
  }

  /** Null for what goes the long way. */
  #of(place: number): Known | null {
    const known = this.#series[place];
    if (known !== undefined) {
      return known;
    }
    const series = this.#columns.series[place];
    const made = series?.kind === "reading" ? knownOf(series) : null;
    this.#series[place] = made;
    return made;
  }
}

interface Known {
  readonly form: number;
  readonly digest: SeriesDigest;
}

function knownOf(series: SeriesFields & { readonly form: number }): Known | null {
  const digest = SeriesDigest.of(series);
  return digest === null ? null : { form: series.form, digest };
}
