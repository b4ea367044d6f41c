import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { BundleRepository } from "../../provisioning/bundle-repository.ts";
import { rootChanges } from "../../provisioning/bundle-root-diff.ts";
import { type BundleChange, changeText } from "../bundles/change.ts";
import { readBundle } from "../bundles/content.ts";
import { diffBundles, EMPTY } from "../bundles/diff.ts";
import { WardError } from "../errors.ts";
import { textAt } from "../json-value.ts";
import { fileBytes, needOption } from "./bundle-options.ts";
import type { CommandIo } from "./command.ts";

/** `wardgate bundle diff`: what is different between two bundles, as a person would say it. */
export async function diffCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      repository: { type: "string" },
      channel: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const [before, after] =
    values.repository === undefined
      ? bundleFiles(positionals)
      : await drafted(
          new BundleRepository(values.repository),
          needOption("channel", values.channel),
        );
  const changes = compare(before, after);
  const text = changes.length === 0 ? "Nothing is different.\n" : lines(changes);
  io.stdout.write(values.json ? `${JSON.stringify(changes)}\n` : text);
  return 0;
}

/** What a repository's drafts change, for who is about to sign them; "" when nothing waits. */
export async function comparedText(repository: BundleRepository): Promise<string> {
  const texts: string[] = [];
  const root = await repository.draftedRoot();
  if (root !== null) {
    const changes = rootChanges(await repository.root(), root);
    const said = changes.map((change) => `  ${change}\n`).join("");
    texts.push(`A NEW ROOT, which decides who signs from now on:\n${said}`);
  }
  const channels = await repository.channels("draft");
  const isDraft = (await repository.targets("draft")) !== null;
  for (const gone of isDraft ? await repository.channels("published") : []) {
    if (!channels.includes(gone)) {
      texts.push(`Channel ${gone}: its bundle is taken away.\n`);
    }
  }
  for (const channel of channels) {
    const [before, after] = await drafted(repository, channel);
    const changes = compare(before, after);
    if (changes.length > 0) {
      texts.push(`Channel ${channel}, what changes:\n${lines(changes)}`);
    }
  }
  return texts.join("");
}

type Pair = readonly [before: Uint8Array | null, after: Uint8Array];

function compare(before: Uint8Array | null, after: Uint8Array): readonly BundleChange[] {
  const old = before === null ? EMPTY : readBundle(before);
  return diffBundles(old, readBundle(after), fieldLabel);
}

function lines(changes: readonly BundleChange[]): string {
  return changes.map((change) => `  ${changeText(change)}\n`).join("");
}

function bundleFiles(files: readonly string[]): Pair {
  const [before, after, ...more] = files;
  if (before === undefined || after === undefined || more.length > 0) {
    throw new WardError("WARD_USAGE", "Cannot compare: name two bundle files, or --repository.");
  }
  return [fileBytes(before), fileBytes(after)];
}

async function drafted(repository: BundleRepository, channel: string): Promise<Pair> {
  const after = await repository.archive(channel, "draft");
  if (after === null) {
    throw new WardError("WARD_USAGE", `Cannot compare: nothing waits for channel ${channel}.`);
  }
  return [await repository.archive(channel, "published"), after];
}

/** What the editor calls a field of one of our nodes: its English locale. */
function fieldLabel(type: string, field: string): string {
  if (!/^ward-[a-z0-9-]{1,40}$/.test(type)) {
    return field;
  }
  const locale = locales.get(type) ?? readLocale(type);
  locales.set(type, locale);
  return textAt(locale, type, "label", field) || field;
}

const locales = new Map<string, unknown>();

function readLocale(type: string): unknown {
  const file = new URL(`../../nodes/${type}/locales/en-US/${type}.json`, import.meta.url);
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    return value;
  } catch {
    // A node of another version of the program: its fields keep their own names.
    return {};
  }
}
