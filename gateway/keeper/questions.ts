import type { JournalBook } from "./journal-book.ts";
import type { OutboxDesk } from "./outbox-desk.ts";
import type { Vault } from "./vault.ts";

/** Who knows the answers. */
export interface QuestionParts {
  readonly vault: Vault;
  readonly book: JournalBook;
  /** The flow that the flow host runs, as text. */
  readonly flows: () => Promise<string | null>;
  /** Everything about the outbox. */
  readonly outbox: Pick<OutboxDesk, "ask">;
}

/**
 * What main may ask: `journal-...` (JournalBook), `flows`, `checkpoint`, `accounts` (who may log in, as text), `save-accounts BASE64`, and what the
 * OutboxDesk answers.
 */
export async function answerMain(what: string, parts: QuestionParts): Promise<unknown> {
  if (what.startsWith("journal-")) {
    return parts.book.ask(what);
  }
  if (what.startsWith(SAVE_ACCOUNTS)) {
    const text = Buffer.from(what.slice(SAVE_ACCOUNTS.length), "base64").toString("utf8");
    await parts.vault.write("accounts", text);
    return { saved: true };
  }
  switch (what) {
    case "flows":
      return parts.flows();
    case "checkpoint":
      return parts.vault.read("checkpoint");
    case "accounts":
      // An object: that there are none is another thing than no answer.
      return { text: await parts.vault.read("accounts") };
    default:
      return parts.outbox.ask(what);
  }
}

const SAVE_ACCOUNTS = "save-accounts ";
