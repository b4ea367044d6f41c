import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { Pattern } from "../../../gateway/devices/generic-line/pattern.ts";

const LINE_CHARACTERS_MAX = 1024;
/** Processor time. A million steps take some milliseconds; what grows with every character would take years. */
const MATCH_MS_MAX = 1000;

/** The processor time that something takes, whatever else the machine does (milliseconds). */
function cpuMsOf(act: () => unknown): number {
  const before = process.threadCpuUsage();
  act();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

test("groups, alternatives, repetitions and classes", () => {
  const groups = (pattern: string, line: string): readonly string[] | null =>
    new Pattern(pattern).match(line);
  assert.deepEqual(groups("^T=(?<t>-?\\d+(?:\\.\\d)?) *C$", "T=-36.5  C"), ["-36.5"]);
  assert.deepEqual(groups("(?<a>[^,]*),(?<b>.*)", "x,,y"), ["x", ",y"]);
  assert.deepEqual(groups("(?<a>ON|OFF|)(?<b>!)?", "OFF"), ["OFF", ""]);
  assert.deepEqual(groups("(?<a>a+?)(?<b>a*)", "aaa"), ["a", "aa"]);
  assert.deepEqual(groups("[\\x41-C\\-\\]]{2,3}", "B-]"), []);
  assert.deepEqual(groups("\\$\\.\\\\\\d\\D\\w\\W\\s\\S\\t", "$.\\1x_- x\t"), []);
  assert.equal(groups("\\$", "x"), null);
  assert.equal(groups("abc", "abcd"), null);
  assert.equal(groups("abc", "xabc"), null);
  assert.deepEqual(groups("", ""), []);
  assert.deepEqual(groups("^(?<degrees>\\d+)°$", "36°"), ["36"]);
});

test("what a pattern may not have is told in plain words", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["(?<a>x)\\1", /"\\1" is not possible/],
    ["(?<a>x)\\k<a>", /"\\k" is not possible/],
    ["(?=x)", /"\(\?=x" is not possible: use \(\?<name> \) or \(\?: \)/],
    ["(?<!x)", /is not possible/],
    ["\\bx", /"\\b" is not possible/],
    ["\\p{L}", /"\\p" is not possible/],
    ["(?<a>x)*", /a named group is repeated/],
    ["(?:(?<a>x)y){2}", /a named group is repeated/],
    ["(?<a>x)(?<a>y)", /two groups "a"/],
    ["(x", /"\(" without "\)"/],
    ["x)", /"\)" without "\("/],
    ["[x", /"\[" without "\]"/],
    ["*x", /nothing before "\*"/],
    ["x**", /repeats a repetition/],
    ["x{3", /no count/],
    ["x{4,3}", /no count from 0 to 255/],
    ["x{999}", /no count from 0 to 255/],
    ["x^y", /"\^" is possible at the start only/],
    ["x$y", /"\$" is possible at the end only/],
    ["[z-a]", /range/],
    ["[\\d-z]", /range/],
    ["€", /no character of Latin-1/],
    ["x\\", /"\\" is not possible/],
    ["(?:x{255}){255}", /repeats so much/],
    ["x".repeat(501), /more than 500 characters/],
  ];
  for (const [pattern, message] of cases) {
    assert.throws(() => new Pattern(pattern), { code: "WARD_PATTERN", message }, pattern);
  }
});

test("hostile patterns and lines take no longer than any others", () => {
  const a = "a".repeat(LINE_CHARACTERS_MAX);
  const hostile: readonly (readonly [string, string])[] = [
    ["(a+)+b", a],
    ["(a*)*b", a],
    ["(?:a|a)*b", a],
    ["(?:a|aa)+b", a],
    ["(?:.*)*x", a],
    [".*.*.*.*.*.*.*.*.*.*x", a],
    ["(?:a?){255}a{255}", "a".repeat(255)],
    ["(?:a|b|ab|ba|aba)*c", "ab".repeat(LINE_CHARACTERS_MAX / 2)],
    ["(?:(?:(?:a*)*)*)*b", a],
    ["(?:[a-z]*[a-y]*[a-x]*)*[0-9]", a],
    ["(?:(?:){255}){255}", ""],
    ["(?:(?:(?:(?:(?:(?:){255}){255}){255}){255}){255}){255}x", a],
    [`${"(?:".repeat(80)}a${")*".repeat(80)}b`, a],
    ["(?:a??){200}b", a],
    ["(?<g>(?:a|aa|aaa)+)(?<h>(?:a|aa)*)c", a],
  ];
  for (const [pattern, line] of hostile) {
    const tookMs = cpuMsOf(() => new Pattern(pattern).match(line));
    assert.ok(tookMs < MATCH_MS_MAX, `${pattern} took ${tookMs} ms`);
  }
});

test("time grows with the line's length and not faster, whatever the pattern", () => {
  const { node } = patterns();
  fc.assert(
    fc.property(node, fc.constantFrom("a", "ab", "abc", "1a"), (pattern, unit) => {
      const line = unit.repeat(LINE_CHARACTERS_MAX).slice(0, LINE_CHARACTERS_MAX);
      assert.ok(cpuMsOf(() => compile(pattern)?.match(line)) < MATCH_MS_MAX, pattern);
    }),
    { numRuns: 300 },
  );
});

test("it matches what JavaScript's expressions match, with the same groups", () => {
  const { node } = patterns();
  let compared = 0;
  let matched = 0;
  const lines = fc.array(fc.stringMatching(/^[abc1x]{0,8}$/), { maxLength: 6 });
  fc.assert(
    fc.property(node, lines, (pattern, texts) => {
      const mine = compile(pattern);
      const theirs = new RegExp(`^(?:${pattern})$`, "s");
      for (const text of mine === null ? [] : texts) {
        const match = theirs.exec(text);
        const groups = match && (mine?.groups ?? []).map((name) => match.groups?.[name] ?? "");
        assert.deepEqual(mine?.match(text), groups, `${pattern} on ${text}`);
        compared += 1;
        matched += match === null ? 0 : 1;
      }
    }),
    { numRuns: 3000 },
  );
  assert.ok(compared > 1000 && matched > 200, `${compared} compared, ${matched} matched`);
});

/**
 * Patterns of all kinds. What is repeated matches at least one character: JavaScript alone has a rule of its own for
 * repetitions of nothing.
 */
function patterns(): { node: fc.Arbitrary<string> } {
  const names = { next: 0 };
  const isSolid = (pattern: string): boolean => !new RegExp(`^(?:${pattern})$`, "s").test("");
  return fc.letrec<{
    node: string;
    atom: string;
    sequence: string;
    choice: string;
    repeat: string;
    group: string;
  }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      tie("atom"),
      tie("sequence"),
      tie("choice"),
      tie("repeat"),
      tie("group"),
    ),
    atom: fc.constantFrom("a", "b", "c", ".", "[ab]", "[^a]", "\\d", "1", "(?:ab)", "x"),
    sequence: fc.array(tie("node"), { maxLength: 4 }).map((parts) => parts.join("")),
    choice: fc
      .array(tie("node"), { minLength: 2, maxLength: 3 })
      .map((parts) => `(?:${parts.join("|")})`),
    repeat: fc
      .tuple(
        tie("node").filter(isSolid),
        fc.constantFrom("*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{2,}"),
      )
      .map(([part, count]) => `(?:${part})${count}`),
    group: tie("node").map((part) => {
      names.next += 1;
      return `(?<g${names.next}>${part})`;
    }),
  }));
}

/** Null for a pattern that may not be: random ones repeat named groups. */
function compile(pattern: string): Pattern | null {
  try {
    return new Pattern(pattern);
  } catch {
    return null;
  }
}
