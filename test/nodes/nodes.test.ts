import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runInNewContext } from "node:vm";

import { FakeServices } from "../fakes/flow-services.ts";
import { TestRed } from "../fakes/node-red.ts";

/** Every folder of a node has all its parts; adding a node needs no new test here. */
const FOLDERS = readdirSync("nodes").filter(
  (name) => name.startsWith("ward-") && !name.includes("."),
);
const PACKAGE = readJson("nodes/package.json");
const SETS: Record<string, string> = PACKAGE["node-red"].nodes;
const HEADINGS = {
  "en-US": ["Inputs", "Outputs", "Details", "References"],
  de: ["Eingänge", "Ausgänge", "Details", "Referenzen"],
};

interface Definition {
  readonly category: string;
  readonly color?: string;
  readonly icon?: string;
  readonly inputs?: number;
  readonly outputs?: number;
  readonly defaults: Record<
    string,
    {
      value: unknown;
      required?: boolean;
      type?: string;
      validate?: (value: unknown, opt?: object) => unknown;
    }
  >;
  readonly label: unknown;
}

let red: TestRed;
before(async () => {
  red = await TestRed.open({ ward: new FakeServices() });
});
after(() => red.close());

test("the package lists each folder, and only those", () => {
  assert.deepEqual(Object.keys(SETS).toSorted(), FOLDERS.toSorted());
  for (const name of FOLDERS) {
    assert.equal(SETS[name], `${name}/${name}.js`);
  }
});

test("the package keeps the rules of the scorecard", () => {
  assert.equal(PACKAGE.license, "Apache-2.0");
  assert.match(PACKAGE.name, /^@[a-z]+\/[a-z-]+$/);
  assert.ok(PACKAGE.keywords.includes("node-red"));
  assert.ok(PACKAGE.repository.url.length > 0);
  assert.equal(PACKAGE["node-red"].version, ">=5.0.0");
  assert.equal(PACKAGE.engines.node, ">=22.9");
  assert.ok(Object.keys(PACKAGE.dependencies ?? {}).length <= 6);
});

for (const name of FOLDERS) {
  test(`${name}: its entry is one line that Node-RED may load`, () => {
    const entry = readFileSync(`nodes/${name}/${name}.js`, "utf8");
    assert.equal(entry, `export { default } from "./${name}.ts";\n`);
    assert.ok(existsSync(`nodes/${name}/${name}.ts`));
  });

  test(`${name}: its form can be read by a catalogue`, () => {
    const html = readFileSync(`nodes/${name}/${name}.html`, "utf8");
    const definition = definitionOf(name, html);
    assert.match(html, new RegExp(`<script type="text/html" data-template-name="${name}">`));
    assert.equal(typeof definition.label, "function");
    assert.equal(definition.defaults["name"]?.value, "");
    for (const [property, { required, value, validate }] of Object.entries(definition.defaults)) {
      const prefix = definition.category === "config" ? "node-config-input" : "node-input";
      assert.match(html, new RegExp(`id="${prefix}-${property}[-"]`), `${property} has a field`);
      if (required === true && validate !== undefined) {
        assert.equal(typeof validate(value, {}), "string", `${property} says what is wrong`);
      } else if (validate !== undefined) {
        assert.equal(validate(value, {}), true, `the default of ${property} is right`);
      }
    }
    if (definition.category === "config") {
      return;
    }
    assert.equal(definition.category, "ward");
    assert.match(definition.color ?? "", /^#[0-9A-F]{6}$/);
    assert.ok(definition.inputs === 0 || definition.inputs === 1);
    assert.ok((definition.outputs ?? -1) >= 0);
    const icon = readFileSync(`nodes/${name}/icons/${definition.icon}`, "utf8");
    assert.match(icon, /<svg [^>]*width="40" height="60" viewBox="0 0 40 60">/);
    assert.doesNotMatch(icon, /<script|href=/);
  });

  test(`${name}: its help and labels are whole in both languages`, () => {
    const html = readFileSync(`nodes/${name}/${name}.html`, "utf8");
    const { inputs = 0, outputs = 0 } = definitionOf(name, html);
    const german = readFileSync(`nodes/${name}/locales/de/${name}.html`, "utf8");
    assert.deepEqual(headingsOf(name, html), expectedHeadings("en-US", inputs, outputs));
    assert.deepEqual(headingsOf(name, german), expectedHeadings("de", inputs, outputs));
    const catalogues = (["en-US", "de"] as const).map((language) =>
      keysOf(readJson(`nodes/${name}/locales/${language}/${name}.json`)),
    );
    assert.deepEqual(catalogues[0]?.toSorted(), catalogues[1]?.toSorted());
    const used = [
      ...html.matchAll(new RegExp(`"(?:\\[placeholder\\])?(${name}\\.(?!svg)[a-zA-Z.]+)"`, "g")),
    ].map(([, key]) => key);
    assert.ok(used.length > 0);
    for (const key of used) {
      assert.ok(catalogues[0]?.includes(String(key)), `${key} is in the catalogue`);
    }
    for (const word of statusWordsOf(name)) {
      assert.ok(
        catalogues[0]?.includes(`${name}.status.${word}`),
        `status ${word} is in the catalogue`,
      );
    }
  });

  test(`${name}: an example shows it`, () => {
    const examples = readdirSync("nodes/examples").map((file) =>
      readJson(join("nodes/examples", file)),
    );
    const shown = examples.flatMap((flow) => flow.map((node: { type: string }) => node.type));
    assert.ok(shown.includes(name));
    if (!name.endsWith("-line")) {
      assert.ok(existsSync(`nodes/examples/${name}.json`));
    }
  });
}

const RECEIVERS = FOLDERS.filter(
  (name) => definitionOf(name, readFileSync(`nodes/${name}/${name}.html`, "utf8")).inputs === 1,
);
const BAD: Record<string, object> = {
  nothing: {},
  "no ward": { payload: [1], topic: "bed-1" },
  "a text": { payload: "97", ward: { class: "vital", generation: 1, takes: [] } },
  "half a ward": { payload: [], ward: { class: "vital" } },
  "a wild ward": {
    payload: new Uint8Array(3),
    ward: { class: "other", generation: -1, takes: 7, sealed: true },
  },
  "no items": {
    payload: [{ kind: "reading" }, null],
    ward: { class: "vital", generation: 1, takes: [] },
  },
};

test("there are nodes that receive", () => {
  assert.deepEqual(RECEIVERS.toSorted(), [
    "ward-board",
    "ward-check",
    "ward-filter",
    "ward-outbox",
    "ward-seal",
  ]);
});

for (const type of RECEIVERS) {
  test(`${type}: bad input ends in one error with a code, and the node goes on`, async () => {
    red.forget();
    await red.deploy([
      { id: "t", type: "tab", label: "Ward A" },
      { id: "n", type, z: "t", x: 1, y: 1, wires: [["sent"], ["sent"]] },
      { id: "sent", type: "test-sink", z: "t", x: 1, y: 1, wires: [] },
      { id: "c", type: "catch", z: "t", x: 1, y: 1, scope: ["n"], wires: [["errors"]] },
      { id: "errors", type: "test-sink", z: "t", x: 1, y: 1, wires: [] },
      { id: "d", type: "complete", z: "t", x: 1, y: 1, scope: ["n"], wires: [["done"]] },
      { id: "done", type: "test-sink", z: "t", x: 1, y: 1, wires: [] },
    ]);
    for (const message of Object.values(BAD)) {
      red.inject("n", structuredClone(message));
    }
    const count = Object.keys(BAD).length;
    const errors = await red.received("errors", count);
    await red.settle();
    assert.equal(red.soFar("errors").length, count);
    assert.deepEqual([red.soFar("sent"), red.soFar("done")], [[], []]);
    for (const { error } of errors) {
      assert.match(error.code ?? "", /^WARD_[A-Z_]+$/);
      assert.match(error.message, /^WardError: Cannot [^\n]+\.$/);
    }
  });
}

/** Runs the script of a form as an editor does, but first looks that the definition stands there literally. */
function definitionOf(name: string, html: string): Definition {
  const script = /<script type="text\/javascript">([\s\S]*?)<\/script>/.exec(html)?.[1] ?? "";
  assert.match(
    script,
    new RegExp(`^\\s*RED\\.nodes\\.registerType\\("${name}", \\{\\n\\s+category: "`),
  );
  const found: [string, Definition][] = [];
  const RED = {
    nodes: {
      registerType: (type: string, definition: Definition) => found.push([type, definition]),
    },
    _: (key: string) => key,
  };
  const context = { RED, globalThis: {} };
  runInNewContext(
    `${readFileSync("nodes/resources/forms.js", "utf8")}; wardForms = globalThis.wardForms; ${script}`,
    context,
  );
  assert.equal(found.length, 1);
  assert.equal(found[0]?.[0], name);
  return found[0][1];
}

function headingsOf(name: string, html: string): string[] {
  const help =
    new RegExp(`<script type="text/html" data-help-name="${name}">([\\s\\S]*?)</script>`).exec(
      html,
    )?.[1] ?? "";
  assert.match(help, /^\s*<p>[^<]+/, "starts with a one-line introduction");
  return [...help.matchAll(/<h3>([^<]+)<\/h3>/g)].map(([, heading]) => String(heading));
}

function expectedHeadings(
  language: keyof typeof HEADINGS,
  inputs: number,
  outputs: number,
): string[] {
  return HEADINGS[language].filter((_, place) => place > 1 || (place === 0 ? inputs : outputs) > 0);
}

/** The words of the status that the code of a node can show. */
function statusWordsOf(name: string): string[] {
  if (name.endsWith("-line")) {
    return [];
  }
  const code = readFileSync(`nodes/${name}/${name}.ts`, "utf8");
  const source = code.includes("startSource") ? readFileSync("nodes/source.ts", "utf8") : "";
  const looks = [...source.matchAll(/\["[a-z]+", "(?:dot|ring)", "([a-z]+)"\]/g)];
  const words = [...`${code}${source}`.matchAll(/word: "([a-z]+)"/g), ...looks].map(([, word]) =>
    String(word),
  );
  return ["unusable", "error", ...words];
}

function keysOf(catalogue: object, prefix = ""): string[] {
  return Object.entries(catalogue).flatMap(([key, value]) =>
    typeof value === "string" ? [`${prefix}${key}`] : keysOf(value, `${prefix}${key}.`),
  );
}

function readJson(file: string) {
  return JSON.parse(readFileSync(file, "utf8"));
}
