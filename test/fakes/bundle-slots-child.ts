import { readFileSync } from "node:fs";
import { join } from "node:path";

import { replaceDurably } from "../../gateway/outbox/disk-sync.ts";
import { Slots } from "../../gateway/bundles/slots.ts";

/**
 * Tries bundles in a directory without end, as a gateway would: puts one down, takes it up, keeps it or rolls it back. It is
 * made to be killed. Arguments: the slots' directory, and one with `root.json`, `1.signed`, `2.signed`.
 */
const [directory = "", material = ""] = process.argv.slice(2);
const pinned = readFileSync(join(material, "root.json"));
const signed = [1, 2].map((version) => readFileSync(join(material, `${version}.signed`)));

process.stdout.write("ready\n");
for (let round = 0; ; round += 1) {
  const slots = await Slots.open({
    directory,
    pinned,
    channel: "icu",
    record: async () => undefined,
  });
  if (slots.trial === null) {
    replaceDurably(join(directory, "incoming.cbor"), signed[1] ?? new Uint8Array());
    await slots.begin(null);
  }
  if (round % 2 === 0) {
    await slots.keep();
  } else {
    await slots.rollBack("it was bad");
  }
}
