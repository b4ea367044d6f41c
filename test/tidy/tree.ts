import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

import { DOORS, FOLDERS_FORBIDDEN, IMPORT_RULES, LINES_MAX, ROOM_WALLS } from "./rules.ts";

/** Source files by path relative to the project, with their text. */
export type Tree = ReadonlyMap<string, string>;

export const PROJECT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const TOP = ["gateway", "nodes", "hub", "provisioning", "flows", "test"];

/** What runs in browsers as it is, and what was built. */
const NOT_OURS = /\/resources\/|\/built\//;

/** Reads the project's own source files. */
export function readTree(): Tree {
  const tree = new Map<string, string>();
  for (const top of TOP) {
    for (const entry of readdirSync(join(PROJECT, top), { recursive: true, withFileTypes: true })) {
      const path = posix.join(entry.parentPath.slice(PROJECT.length + 1), entry.name);
      if (entry.isFile() && /\.(tsx?|js)$/.test(entry.name) && !NOT_OURS.test(path)) {
        tree.set(path, readFileSync(join(PROJECT, path), "utf8"));
      }
    }
  }
  return tree;
}

/** Everything that is untidy, one sentence each. */
export function problemsOf(tree: Tree): string[] {
  const graph = new Map([...tree].map(([path, text]) => [path, importsOf(path, text)]));
  return [
    ...[...graph].flatMap(([path, imports]) => directionProblems(path, imports)),
    ...[...graph].flatMap(([path, imports]) => doorProblems(path, imports)),
    ...cycleProblems(graph),
    ...wallProblems(graph),
    ...[...tree].flatMap(([path, text]) => formProblems(path, text)),
  ];
}

/** What a file imports: paths inside the project resolved, packages by name, Node.js as `node:...`. */
export function importsOf(path: string, text: string): string[] {
  const found = [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? "");
  return found.map((name) => {
    if (name.startsWith(".")) {
      return posix.join(posix.dirname(path), name);
    }
    if (name.startsWith("node:")) {
      return name;
    }
    return name
      .split("/")
      .slice(0, name.startsWith("@") ? 2 : 1)
      .join("/");
  });
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s(?:[^"';]*?\sfrom\s)?"([^"]+)"|\bimport\("([^"]+)"\)/g;

function directionProblems(path: string, imports: readonly string[]): string[] {
  const rule = IMPORT_RULES.find(({ files }) => path.startsWith(files));
  if (rule === undefined) {
    return [`${path}: no rule says what it may import`];
  }
  return imports
    .filter(
      (name) => !name.endsWith(".json") && !rule.may.some((prefix) => name.startsWith(prefix)),
    )
    .map((name) => `${path}: must not import ${name}`);
}

function doorProblems(path: string, imports: readonly string[]): string[] {
  if (path.startsWith("test/")) {
    return [];
  }
  return imports
    .filter((name) => Object.hasOwn(DOORS, name) && DOORS[name]?.includes(path) === false)
    .map((name) => `${path}: imports ${name}, whose door is ${DOORS[name]?.join(", ")}`);
}

function cycleProblems(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const problems: string[] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      problems.push(`import cycle: ${[...trail.slice(trail.indexOf(path)), path].join(" -> ")}`);
      return;
    }
    if (done.has(path)) {
      return;
    }
    for (const next of graph.get(path) ?? []) {
      if (graph.has(next)) {
        walk(next, [...trail, path]);
      }
    }
    done.add(path);
  };
  for (const path of graph.keys()) {
    walk(path, []);
  }
  return problems;
}

function wallProblems(graph: ReadonlyMap<string, readonly string[]>): string[] {
  return ROOM_WALLS.flatMap(({ entry, never }) =>
    [...reachable(graph, entry)]
      .filter((path) => never.some((prefix) => path.startsWith(prefix)))
      .map((path) => `${entry}: reaches ${path}`),
  );
}

function reachable(graph: ReadonlyMap<string, readonly string[]>, entry: string): Set<string> {
  const seen = new Set<string>();
  const queue = graph.has(entry) ? [entry] : [];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (!seen.has(path)) {
      seen.add(path);
      queue.push(...(graph.get(path) ?? []).filter((next) => graph.has(next)));
    }
  }
  return seen;
}

function formProblems(path: string, text: string): string[] {
  const problems: string[] = [];
  const parts = path.split("/");
  if (!parts.every((part) => /^[a-z0-9]+(-[a-z0-9]+)*(\.test)?(\.tsx?|\.js)?$/.test(part))) {
    problems.push(`${path}: names are kebab-case`);
  }
  const forbidden = parts.find((part) => FOLDERS_FORBIDDEN.includes(part.replace(/\.ts$/, "")));
  if (forbidden !== undefined) {
    problems.push(`${path}: "${forbidden}" names nothing; a room has a name or does not exist`);
  }
  const lines = text.split("\n").length;
  if (lines > LINES_MAX && !path.startsWith("test/")) {
    problems.push(`${path}: ${lines} lines; more than ${LINES_MAX} wants two files`);
  }
  if (
    /@ts-(ignore|nocheck|expect-error)|(oxlint|eslint)-disable/.test(text) &&
    !path.startsWith("test/tidy/")
  ) {
    problems.push(`${path}: silences a check`);
  }
  return problems;
}
