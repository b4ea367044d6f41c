// Fills the cache that stripped.js reads. Run at installation where the program is read-only afterwards:
// node gateway/program/strip.js
import {
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

import { CACHE, cachePath } from "./stripped.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SOURCES = "{gateway,nodes,hub,provisioning,flows,test}/**/*.ts";

mkdirSync(CACHE, { recursive: true });
const old = new Set(readdirSync(CACHE));
for (const file of globSync(SOURCES, { cwd: ROOT })) {
  const source = readFileSync(join(ROOT, file));
  const path = cachePath(source);
  if (!old.delete(basename(path))) {
    // Written aside and renamed: a process that reads at the same time sees all of a file or none.
    const aside = `${path}.${process.pid}`;
    writeFileSync(aside, stripTypeScriptTypes(source.toString("utf8"), { mode: "strip" }));
    renameSync(aside, path);
  }
}
for (const name of old) {
  rmSync(join(CACHE, name), { force: true });
}
