import type { Outbox } from "../outbox/outbox.ts";
import type { KeeperCounts } from "./counts.ts";
import type { CurrentIdentity } from "./current-identity.ts";
import type { JournalDesk } from "./journal-desk.ts";
import type { KeeperNotices } from "./notices.ts";
import type { Vault } from "./vault.ts";
import type { WardWatch } from "./ward-watch.ts";

/** What a keeper is made of. */
export interface KeeperParts {
  readonly identity: CurrentIdentity;
  readonly notices: KeeperNotices;
  readonly counts: KeeperCounts;
  readonly outbox: Outbox;
  readonly vault: Vault;
  readonly journal: JournalDesk;
  readonly watch: WardWatch;
}
