import { CLASSES, type ClassName } from "../gateway/reading.ts";
import { packPage, readRanges, readText, unpackPage, writeRanges, writeText } from "./page-form.ts";
import { Ranges } from "./ranges.ts";

/**
 * What the books say of a sealed batch by its salt, until batch and tally have met: the batch came first ("here"), its tally
 * came first ("awaited"), or the gateway said that it had to give it up ("gone").
 */
export type SaltPage =
  | { readonly kind: "here" }
  | { readonly kind: "gone"; readonly class: ClassName; readonly reason: string }
  /** Takes that its tally names, by run. */
  | { readonly kind: "awaited"; readonly takes: ReadonlyMap<string, Ranges> };

export function encodeSalt(page: SaltPage): Uint8Array {
  return packPage((writer) => {
    writer.byte(KINDS.indexOf(page.kind));
    if (page.kind === "gone") {
      writer.byte(CLASSES.indexOf(page.class));
      writeText(writer, page.reason);
    } else if (page.kind === "awaited") {
      writer.uint(page.takes.size);
      for (const [run, takes] of page.takes) {
        writeText(writer, run);
        writeRanges(writer, takes.list());
      }
    }
  });
}

export function decodeSalt(bytes: Uint8Array): SaltPage {
  const reader = unpackPage(bytes);
  const kind = KINDS[reader.byte("kind", KINDS.length - 1)] ?? "here";
  switch (kind) {
    case "here":
      return { kind };
    case "gone": {
      const name = CLASSES[reader.byte("class", CLASSES.length - 1)] ?? "vital";
      return { kind, class: name, reason: readText(reader) };
    }
    case "awaited": {
      const count = reader.count("runs", Number.MAX_SAFE_INTEGER);
      const takes = Array.from({ length: count }, (): [string, Ranges] => [
        readText(reader),
        new Ranges(readRanges(reader)),
      ]);
      return { kind, takes: new Map(takes) };
    }
  }
}

const KINDS = ["here", "gone", "awaited"] as const;
