import type { WardError } from "../errors.ts";
import type { OutboxEvents } from "../outbox/outbox-options.ts";
import type { KeeperCounts } from "./counts.ts";
import type { JournalBook } from "./journal-book.ts";
import type { KeeperNotices } from "./notices.ts";
import type { SealedCodec } from "./record-codec.ts";

/** Who hears what happens in the outbox. */
export interface OutboxHearers {
  readonly notices: KeeperNotices;
  readonly counts: KeeperCounts;
  readonly codec: SealedCodec;
  readonly journal: JournalBook;
  /** Hands on what was committed; null while the keeper is being opened. */
  readonly forward: () => OutboxEvents["committed"] | null;
  /** Only a new start can help. */
  readonly fatal: (error: WardError) => void;
}

/** Tells everybody who has to do with the outbox what happens in it. */
export function outboxEvents(hearers: OutboxHearers): OutboxEvents {
  const { notices, counts, codec, journal, forward, fatal } = hearers;
  return {
    committed: (records, epochs) => {
      codec.confirm(epochs);
      counts.stored(records);
      forward()?.(records, epochs);
      for (const { epoch } of epochs) {
        journal.note({ kind: "epoch-begun", who: "gateway", outcome: "done", what: { epoch } });
      }
    },
    forgotten: (name, batches, why) => counts.forgotten(name, batches, why),
    lost: (loss) => notices.lost(loss),
    trouble: (error) => {
      notices.store(error);
      if (error?.code === "WARD_OUTBOX_DAMAGED") {
        journal.note({ kind: "outbox-damaged", who: "gateway", outcome: "done", what: {} });
        fatal(error);
      }
    },
  };
}
