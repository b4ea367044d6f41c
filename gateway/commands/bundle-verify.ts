import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { directorySource } from "../bundles/directory-source.ts";
import { fetchBundle } from "../bundles/fetch-bundle.ts";
import { errorCode, errorText } from "../errors.ts";
import { fileBytes, needOption } from "./bundle-options.ts";
import { programVersion } from "./program-version.ts";
import type { CommandIo } from "./command.ts";

/** `wardgate bundle verify`: judges a repository as a gateway would that has never seen a bundle. */
export async function verifyCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      repository: { type: "string" },
      root: { type: "string" },
      channel: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const repository = needOption("repository", values.repository);
  const pinned = fileBytes(needOption("root", values.root));
  const channel = needOption("channel", values.channel);
  const directory = await mkdtemp(join(tmpdir(), "wardgate-verify-"));
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  try {
    const { bundle } = await fetchBundle({
      source: directorySource(repository),
      directory,
      pinned,
      channel,
      keys: { signing: privateKey, verifying: publicKey, counter: null },
      runtime: await programVersion(),
      now: Date.now(),
      installed: null,
    });
    const { manifest, sha256 } = bundle;
    io.stdout.write(
      values.json
        ? `${JSON.stringify({ right: true, sha256, manifest })}\n`
        : `Right: bundle ${manifest.version} of channel ${channel}, ${sha256}. Gateways would try it.\n`,
    );
    return 0;
  } catch (error) {
    if (!errorCode(error).startsWith("WARD_BUNDLE_")) {
      throw error;
    }
    const why = { right: false, code: errorCode(error), text: errorText(error) };
    io.stdout.write(values.json ? `${JSON.stringify(why)}\n` : `WRONG: ${why.text}\n`);
    return FOUND_WRONG;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const FOUND_WRONG = 3;
