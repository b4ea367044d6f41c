import assert from "node:assert/strict";
import { test } from "node:test";

import { importsOf, readTree } from "../../tidy/tree.ts";

const tree = readTree();

/** Every file and package that one file pulls in when it is started, without what is loaded only when it is called for. */
function pulledIn(entry: string): Set<string> {
  const seen = new Set<string>();
  const queue = [entry];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (!seen.has(path)) {
      seen.add(path);
      const text = (tree.get(path) ?? "").replaceAll(/\bimport\("[^"]+"\)/g, "");
      queue.push(...importsOf(path, text));
    }
  }
  return seen;
}

for (const verb of ["boot", "health", "ports", "agent"]) {
  test(`wardgate ${verb} needs nothing that the image does not have`, () => {
    const needed = [...pulledIn(`gateway/commands/${verb}.ts`)];
    assert.ok(needed.length > 5);
    assert.deepEqual(
      needed.filter((path) =>
        /^(hub|provisioning|test)\/|^(balena-sdk|@peculiar|aedes|pg$|yaml$)/.test(path),
      ),
      [],
    );
  });
}

test("ports and agent have no way to keys or data", () => {
  for (const verb of ["ports", "agent"]) {
    const needed = [...pulledIn(`gateway/commands/${verb}.ts`)];
    assert.deepEqual(
      needed.filter((path) =>
        /^gateway\/(identity|sealing|outbox|keeper|house|uplink|mqtt)\//.test(path),
      ),
      [],
    );
  }
});
