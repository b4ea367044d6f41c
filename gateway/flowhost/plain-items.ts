import { isSameQuality, type Item, type Quality } from "../reading.ts";

/**
 * Makes plain copies of items that come out of a flow. What a flow made may give something else each time it is looked at; of a copy,
 * what was found good is what is sealed, and what is settled.
 */
export class PlainItems {
  /** Of the last item: the next one usually has the same, and can share the list. */
  #quality: readonly Quality[] = [];

  of(item: Item): Item {
    switch (item.kind) {
      case "reading":
        // Field by field, because this runs for every reading: so all of them are of one make, and nothing else comes along.
        return {
          kind: "reading",
          device: item.device,
          boot: item.boot,
          take: item.take,
          index: item.index,
          code: item.code,
          mdc: item.mdc,
          value: item.value,
          text: item.text,
          unit: item.unit,
          at: item.at,
          clock: item.clock,
          deviceAt: item.deviceAt,
          quality: this.#qualityOf(item.quality),
          path: item.path,
        };
      case "waveform":
        return {
          ...item,
          kind: "waveform",
          quality: this.#qualityOf(item.quality),
          period: { ...item.period },
          samples: listOf(item.samples),
        };
      default:
        return { ...item };
    }
  }

  #qualityOf(quality: readonly Quality[]): readonly Quality[] {
    if (!Array.isArray(quality) || !isSameQuality(quality, this.#quality)) {
      this.#quality = listOf(quality);
    }
    return this.#quality;
  }
}

/** The same entries in a list of our own; what is no list is left for the seal to refuse. */
function listOf<Entry>(list: readonly Entry[]): readonly Entry[] {
  return Array.isArray(list) ? Array.from<Entry>(list) : list;
}
