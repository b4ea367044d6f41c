import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";

import fc from "fast-check";

import type { FactsEvent } from "../../../gateway/console/contract.ts";
import {
  ageText,
  bytesText,
  FADES_MS,
  freshnessOf,
  GatewayClock,
  GONE_MS,
} from "../../../gateway/console/page/age.ts";
import { digitsOf, labelOf, unitOf } from "../../../gateway/console/page/labels.ts";
import { tasksOf } from "../../../gateway/console/page/tasks.ts";
import { german } from "../../../gateway/console/page/texts-de.ts";
import { english } from "../../../gateway/console/page/texts-en.ts";
import { LINE_STATES } from "../../../gateway/devices/device.ts";
import { someFacts } from "../../fakes/console-kit.ts";

const PROJECT = join(import.meta.dirname, "..", "..", "..");

describe("what is stale never looks live", () => {
  test("a value is live only while it is younger than its bound, and goes in the end", () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), fc.nat(1e6), (age, more) => {
        const order = ["live", "fading", "gone"];
        if (age >= 0) {
          assert.ok(order.indexOf(freshnessOf(age + more)) >= order.indexOf(freshnessOf(age)));
        }
        assert.equal(freshnessOf(age) === "live", age >= -FADES_MS && age < FADES_MS);
      }),
    );
    assert.equal(freshnessOf(GONE_MS), "gone");
    assert.equal(freshnessOf(-FADES_MS - 1), "gone", "of a clock that was set back");
  });

  test("ages grow while nothing is heard, whatever the browser's own clock says", () => {
    let steady = 5000;
    const clock = new GatewayClock(() => steady);
    clock.told(1_000_000);
    steady += 60_000;
    assert.equal(clock.now(), 1_060_000);
  });

  test("an age is said in the largest unit that fits", () => {
    const texts = [400, 59_400, 60_000, 3_599_000, 3_600_000, 172_800_000].map(ageText);
    assert.deepEqual(texts, ["0 s", "59 s", "1 min", "59 min", "1 h", "2 d"]);
    assert.deepEqual([0, 999, 1500, 2e7].map(bytesText), ["0 B", "999 B", "1.5 kB", "20 MB"]);
  });
});

describe("words", () => {
  test("zeros that fill a field are not shown, every other digit is", () => {
    const shown = ["079", "0.50", "00", "-005.1", "100", "", "7.0"].map(digitsOf);
    assert.deepEqual(shown, ["79", "0.50", "0", "-5.1", "100", "", "7.0"]);
  });

  test("a code without a label is made readable, a unit without one stays", () => {
    assert.equal(labelOf("MDC_PULS_OXIM_SAT_O2", false), "SpO₂");
    assert.equal(labelOf("MASIMO_PVI", true), "Masimo pvi");
    assert.equal(unitOf("mm[Hg]"), "mmHg");
    assert.equal(unitOf("kPa"), "kPa");
  });

  test("both languages have words for every state of a line", () => {
    for (const texts of [english, german]) {
      assert.deepEqual(Object.keys(texts.states).toSorted(), [...LINE_STATES].toSorted());
    }
  });
});

describe("what to do, in order", () => {
  const ill = (more: Partial<FactsEvent>): FactsEvent => ({ ...someFacts(), ...more });

  test("nothing when all is well", () => {
    assert.deepEqual(tasksOf(ill({ clock: "synchronised" })), []);
  });

  test("what loses data comes before what will, and that before what is only not collected", () => {
    const facts = someFacts();
    const { link } = facts;
    assert.ok(link !== undefined);
    const [first] = facts.devices;
    assert.ok(first !== undefined);
    const tasks = tasksOf(
      ill({
        clock: "unsynchronised",
        flowsUp: false,
        link: { ...link, connected: false, freeBytes: 5, certificateEnd: facts.at + 86_400_000 },
        devices: [{ ...first, state: "stale", text: "cable unplugged" }],
      }),
    );
    assert.deepEqual(
      tasks.map(({ kind }) => kind),
      ["flows-down", "full", "link", "certificate", "devices", "clock"],
    );
  });
});

test("the pages that ship are those that are written here, and small", () => {
  const directory = mkdtempSync(join(tmpdir(), "wardgate-pages-"));
  try {
    const config = join(PROJECT, "gateway/console/page/vite-config.ts");
    const vite = join(PROJECT, "node_modules/vite/bin/vite.js");
    const args = [vite, "build", "-c", config, "--outDir", directory, "--emptyOutDir"];
    execFileSync(process.execPath, args, { stdio: "ignore", cwd: PROJECT });
    const shipped = join(PROJECT, "gateway/console/built");
    const files = readdirSync(directory, { recursive: true, encoding: "utf8" }).toSorted();
    assert.deepEqual(readdirSync(shipped, { recursive: true, encoding: "utf8" }).toSorted(), files);
    for (const name of files.filter((file) => /\.(?:js|css|html)$/.test(file))) {
      const [here, there] = [directory, shipped].map((folder) => readFileSync(join(folder, name)));
      assert.ok(there?.equals(here ?? Buffer.alloc(0)), `${name}: run npm run build:pages`);
    }
    const bytes = files
      .filter((name) => name.endsWith(".br"))
      .reduce((sum, name) => sum + readFileSync(join(directory, name)).length, 0);
    assert.ok(bytes < 40_000, `${bytes} bytes compressed`);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
