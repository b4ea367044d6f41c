import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { packSigned } from "../../gateway/bundles/signed-bundle.ts";
import { Slots, writeIncoming } from "../../gateway/bundles/slots.ts";
import { BundleGateway, BundleKit, bundleOf, CHANNEL } from "../fakes/bundle-kit.ts";

/** Kills; set WARD_BUNDLE_KILLS for more. */
const KILLS = Number(process.env["WARD_BUNDLE_KILLS"] ?? 25);
const CHILD = fileURLToPath(new URL("../fakes/bundle-slots-child.ts", import.meta.url));
const STRIPPED = new URL("../../gateway/program/stripped.js", import.meta.url);

test(`a gateway that is killed ${KILLS} times while it tries bundles always finds one to run`, async () => {
  const kit = await BundleKit.open();
  try {
    const material = join(kit.directory, "material");
    const base = join(kit.directory, "base");
    await mkdir(material);
    for (const version of [1, 2]) {
      await kit.publish(bundleOf(version));
      const gateway = new BundleGateway(
        join(kit.directory, `gateway-${version}`),
        await kit.pinned,
      );
      const { signed } = await gateway.fetch(kit.repository.directory);
      await writeFile(join(material, `${version}.signed`), packSigned(signed));
      if (version === 1) {
        await mkdir(base);
        writeIncoming(base, signed);
      }
    }
    const pinned = await kit.pinned;
    await writeFile(join(material, "root.json"), pinned);
    const open = async (directory: string): Promise<Slots> =>
      await Slots.open({
        directory,
        pinned,
        channel: CHANNEL,
        record: async () => undefined,
      });
    const first = await open(base);
    await first.begin(null);
    await first.keep();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const directory = join(kit.directory, `slots-${kill % 2}`);
      if (kill < 2) {
        await cp(base, directory, { recursive: true });
      }
      const args = [`--import=${STRIPPED.href}`, CHILD, directory, material];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
      const ended = once(child, "exit");
      await once(child.stdout, "data");
      await sleep(Math.random() * 60);
      child.kill("SIGKILL");
      await ended;
      const { running } = await open(directory);
      assert.ok(running !== null, `after kill ${kill} nothing runs`);
    }
  } finally {
    await rm(kit.directory, { recursive: true, force: true });
  }
});
