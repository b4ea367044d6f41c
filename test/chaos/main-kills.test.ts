import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { randomOf } from "../../gateway/devices/simulator.ts";
import { numberAt, valueAt } from "../../gateway/json-value.ts";
import { ledgerOf, moreOpened, openHouse, roomPid, until } from "../ward/house.ts";

/**
 * The gateway's parent process alone is killed, and the gateway is started again at once: the rooms of the old one are still
 * ending, or hang, while the new ones begin. The oracle is the hub's ledger. `MAIN_KILLS=50 SEED=7 node --test
 * test/chaos/main-kills.test.ts` for a long run.
 */
const KILLS = Number(process.env["MAIN_KILLS"] ?? 1);
const SEED = Number(process.env["SEED"] ?? 1);

test(
  `${KILLS} times kill -9 of main, and a new start at once (seed ${SEED}): nothing unexplained, no store moved aside`,
  { timeout: 120_000 + KILLS * 60_000 },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "wardgate-main-"));
    const random = randomOf(SEED);
    try {
      const demo = await openHouse({ beds: 2, directory });
      try {
        for (let kill = 0; kill < KILLS; kill += 1) {
          await moreOpened(demo, 10);
          await sleep(random() * 1000);
          const [main, keeper] = [demo.pid("gateway"), roomPid(demo, "keeper")];
          if (kill % 2 === 0) {
            // As behind a disk that hangs: it does not see its parent go, and has the store open still.
            process.kill(keeper, "SIGSTOP");
          }
          process.kill(main, "SIGKILL");
          await until("main is gone", () => demo.pid("gateway") !== main);
          const started = demo.restart("gateway");
          await sleep(kill % 2 === 0 ? 2000 : 0);
          if (kill % 2 === 0) {
            process.kill(keeper, "SIGCONT");
          }
          await started;
        }
        await moreOpened(demo, 10);
        await until("the backlog is gone", () => demo.numbers().backlog < 5, 60_000);
      } finally {
        await demo.finish();
      }
      const names = readdirSync(directory, { recursive: true, encoding: "utf8" });
      assert.deepEqual(
        names.filter((name) => name.includes("damaged")),
        [],
      );
      const ledger = await ledgerOf(directory);
      const context = `${JSON.stringify(valueAt(ledger, "totals"))} ${JSON.stringify(valueAt(ledger, "reasons"))}`;
      assert.equal(numberAt(ledger, "totals", "unaccounted"), 0, context);
      process.stdout.write(`# ${KILLS} kills of main: ${context}\n`);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);
