import type { SiteFacts } from "../devices/site-map.ts";

/** What `map check` has found: everything that is wrong with a description, or what it says. */
export type CheckedDescription =
  | { readonly problems: readonly string[] }
  | {
      readonly about: SiteFacts;
      /** For `--json`. */
      readonly facts: object;
      /** For people. */
      readonly lines: readonly string[];
    };
