import { createPublicKey } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { directorySource } from "../bundles/directory-source.ts";
import { fetchBundle } from "../bundles/fetch-bundle.ts";
import { httpsSource } from "../bundles/https-source.ts";
import { bundleDirectory, Slots, writeIncoming } from "../bundles/slots.ts";
import type { BundleSource } from "../bundles/source.ts";
import { lockDataDirectory } from "../data-lock.ts";
import { errorCode, WardError } from "../errors.ts";
import { askControl } from "../house/control.ts";
import { reasonOf } from "../house/bundle-journal.ts";
import { readPinnedRoot } from "../house/governed-site.ts";
import { loadSite } from "../house/site.ts";
import { type GatewayIdentity, loadGatewayIdentity } from "../identity/identity.ts";
import type { SignedSettings } from "../identity/signed-settings.ts";
import { textAt, valueAt } from "../json-value.ts";
import { needOption } from "./bundle-options.ts";
import type { CommandIo } from "./command.ts";
import { inKeyProcess } from "./key-process.ts";
import { noteLocally } from "./journal-note.ts";
import { type Patience, waitMs, waitUntil } from "./patience.ts";
import { programVersion } from "./program-version.ts";

/**
 * `wardgate bundle install`: gets and judges the newest bundle, and has the gateway try it; a gateway that is stopped tries it
 * when it starts. What comes from a stick or a server is only ever looked at by this process, not by the gateway's own.
 */
export async function installBundle(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: "string" },
      from: { type: "string" },
      again: { type: "boolean", default: false },
      wait: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const data = needOption("data", values.data);
  const patience: Patience = { withinMs: waitMs(values.wait), stop: io.stop };
  const exit = await inKeyProcess(data, ["bundle", "install", ...args], io);
  if (exit !== null) {
    return exit;
  }
  const site = await loadSite(data);
  const channel = channelOf(site);
  const pinned = readPinnedRoot(data);
  const identity = loadGatewayIdentity(join(data, "identity"));
  const directory = bundleDirectory(data);
  const source = sourceOf(values.from ?? site.bundles?.url, identity);
  try {
    const peeked = await Slots.peek({
      directory,
      pinned,
      channel,
      record: async () => undefined,
    });
    const { signed, bundle } = await fetchNoted(data, {
      source,
      directory,
      pinned,
      channel,
      keys: {
        signing: identity.signingKey,
        verifying: createPublicKey(identity.signingKey),
        counter: identity.keys.counter,
      },
      runtime: await programVersion(),
      now: Date.now(),
      installed: peeked && { version: peeked.manifest.version, sha256: peeked.sha256 },
    });
    const { version } = bundle.manifest;
    const { sha256 } = bundle;
    const say = (state: string, text: string): void => {
      const said = { state, version, sha256 };
      io.stdout.write(values.json ? `${JSON.stringify(said)}\n` : `${text}\n`);
    };
    if (peeked?.sha256 === sha256) {
      say("current", `Bundle ${version} runs already.`);
      return 0;
    }
    if (Slots.rejected(directory) === sha256 && !values.again) {
      throw new WardError(
        "WARD_BUNDLE_REJECTED",
        `Cannot install: bundle ${version} was rolled back on this gateway before. Correct it, or try it again with --again.`,
      );
    }
    const what = { step: "offered", version, bundle: sha256 };
    await noteLocally(data, { kind: "bundle", outcome: "accepted", what });
    writeIncoming(directory, signed);
    await activate(data, (state, text) => say(state, `Bundle ${version} is right. ${text}`));
    return patience.withinMs === 0 ? 0 : await tried(data, sha256, { patience, say });
  } finally {
    source.close();
  }
}

/** Waits until the gateway has made up its mind; what `--wait` returns. */
async function tried(
  data: string,
  sha256: string,
  o: { readonly patience: Patience; readonly say: (state: string, text: string) => void },
): Promise<number> {
  let status: unknown;
  const isSettled = await waitUntil(async () => {
    // A gateway that is between two starts is asked again.
    status = await askControl(data, "bundle").catch(() => null);
    return valueAt(status, "isSettled") === true;
  }, o.patience);
  const isKept = isSettled && textAt(status, "sha256") === sha256;
  const state = isKept ? "kept" : isSettled ? "rolled-back" : "trial";
  o.say(state, textAt(status, "said") || "It is not decided yet; see: wardgate bundle status");
  return isKept ? 0 : NOT_KEPT;
}

const NOT_KEPT = 3;

/** `wardgate bundle status`: which bundle runs. */
export async function showStatus(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { data: { type: "string" }, json: { type: "boolean", default: false } },
  });
  const status = await askControl(needOption("data", values.data), "bundle");
  if (values.json) {
    io.stdout.write(`${JSON.stringify(status)}\n`);
    return 0;
  }
  const version = valueAt(status, "version");
  const runs = typeof version === "number" ? `Bundle ${version} runs` : "No bundle runs";
  const trial = valueAt(status, "onTrial") === true ? ", on trial" : "";
  const place = `channel ${textAt(status, "channel")}, ${textAt(status, "state")}`;
  const said = [textAt(status, "note"), textAt(status, "said")].filter((text) => text !== "");
  io.stdout.write(`${[`${runs}${trial} (${place}).`, ...said].join(" ")}\n`);
  return 0;
}

type FetchOptions = Parameters<typeof fetchBundle>[0];

/** A bundle that is not what it should be is written down; a repository that is away is not. */
async function fetchNoted(data: string, options: FetchOptions): ReturnType<typeof fetchBundle> {
  try {
    return await fetchLocked(options);
  } catch (error) {
    const code = errorCode(error);
    if (code.startsWith("WARD_BUNDLE_") && code !== "WARD_BUNDLE_SOURCE") {
      const what = { reason: reasonOf(code) };
      await noteLocally(data, { kind: "bundle-refused", outcome: "refused", what });
    }
    throw error;
  }
}

/** One fetch at a time for a gateway. */
async function fetchLocked(options: FetchOptions): ReturnType<typeof fetchBundle> {
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  const lock = await lockDataDirectory(options.directory);
  try {
    return await fetchBundle(options);
  } finally {
    lock.release();
  }
}

async function activate(data: string, say: (state: string, text: string) => void): Promise<void> {
  try {
    await askControl(data, "bundle-activate");
    say("trial", "The gateway tries it; see: wardgate bundle status");
  } catch (error) {
    switch (errorCode(error)) {
      case "WARD_NOT_RUNNING":
        say("waiting", "The gateway is stopped; it tries it when it starts.");
        break;
      case "WARD_BUNDLE_TRIAL":
        say("waiting", "Another bundle is on trial; this one is tried after it.");
        break;
      default:
        throw error;
    }
  }
}

function channelOf(site: SignedSettings): string {
  if (site.bundles === undefined) {
    throw new WardError(
      "WARD_BUNDLE_CHANNEL",
      "Cannot install: the signed settings of this gateway name no channel. Have them signed with one.",
    );
  }
  return site.bundles.channel;
}

function sourceOf(from: string | undefined, identity: GatewayIdentity): BundleSource {
  const place = needOption("from", from);
  return /^https?:/.test(place)
    ? httpsSource(place, {
        ca: identity.serversRootPem,
        cert: identity.certificateChainPem,
        key: identity.certificateKey.pem,
        crl: identity.serversCrlPem,
      })
    : directorySource(place);
}
