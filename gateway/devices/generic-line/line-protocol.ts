import { errorText } from "../../errors.ts";
import type { MapObject, TextRule } from "../map-object.ts";
import { parseDescription, Problems } from "../map-object.ts";
import type { SiteFacts } from "../site-map.ts";
import { readSiteFacts } from "../site-map.ts";
import type { ChecksumKind, LineChecksum } from "./line-checksum.ts";
import { CHECKSUM_KINDS } from "./line-checksum.ts";
import type { LineForm } from "./line-cutter.ts";
import type { Field, SeparatedForm } from "./line-field.ts";
import { readFields } from "./line-field.ts";
import { Pattern } from "./pattern.ts";
import { PATTERN_CHARACTERS_MAX } from "./pattern-syntax.ts";

/** A line protocol as a site describes it: README.md says what each field means. */
export interface LineProtocol {
  readonly facts: SiteFacts;
  readonly line: LineForm;
  readonly checksum: LineChecksum | null;
  readonly messages: readonly Message[];
}

/** One kind of line. */
export interface Message {
  readonly name: string;
  /** Text that lines of this kind begin with, behind the start character. */
  readonly starts: string;
  /** Lines of this kind carry nothing that is wanted. */
  readonly ignore: boolean;
  readonly form: SeparatedForm | Pattern | null;
  readonly fields: readonly Field[];
}

/** Reads a protocol's text; `problems` says everything that is wrong with it, and the protocol is null then. */
export function parseProtocol(text: string): {
  readonly protocol: LineProtocol | null;
  readonly problems: readonly string[];
} {
  const problems = new Problems();
  const top = parseDescription(text, problems);
  const protocol = top && readProtocol(top);
  return problems.isEmpty
    ? { protocol, problems: [] }
    : { protocol: null, problems: problems.list };
}

function readProtocol(top: MapObject): LineProtocol {
  const facts = readSiteFacts(top);
  const checksum = readChecksum(top);
  const line = readLineForm(top, checksum);
  const messages = readMessages(top);
  top.end();
  return { facts, line, checksum, messages };
}

function readLineForm(top: MapObject, checksum: LineChecksum | null): LineForm {
  const line = top.object("line");
  const start = line.text("start", START, "");
  const end = line.text("end", END, "\r\n");
  const charactersMax = line.whole("charactersMax", { low: 1, high: CHARACTERS_MAX }, 256);
  const characters = line.choice("characters", ["ascii", "latin-1"], "ascii");
  if (start !== "" && end.includes(start)) {
    line.problem("start", "it is part of the end as well", "Write the one that is not");
  }
  line.end();
  const text = Uint8Array.from({ length: 256 }, (_, code) => {
    const isPlain = (code >= 0x20 && code <= 0x7e) || code === TAB;
    return isPlain || (characters === "latin-1" && code >= 0xa0) ? 1 : 0;
  });
  for (const code of codesOf(`${end}${checksum?.before ?? ""}${checksum?.after ?? ""}`)) {
    text[code] = 1;
  }
  return { start: codesOf(start)[0] ?? null, end: codesOf(end), charactersMax, text };
}

function readChecksum(top: MapObject): LineChecksum | null {
  if (!top.has("checksum")) {
    return null;
  }
  const checksum = top.object("checksum");
  const [first, ...others] = CHECKSUM_KINDS;
  const read = {
    kind: checksum.choice<ChecksumKind>("kind", [first, ...others]),
    skip: checksum.whole("skip", { low: 0, high: CHARACTERS_MAX }, 0),
    before: checksum.text("before", AROUND, ""),
    coversBefore: checksum.flag("coversBefore", false),
    after: checksum.text("after", AROUND, ""),
    order: checksum.choice("order", ["high-first", "low-first"], "high-first"),
  };
  checksum.end();
  return read;
}

function readMessages(top: MapObject): Message[] {
  const names = new Set<string>();
  return top.objects("messages", { low: 1, high: MESSAGES_MAX }).map((object) => {
    const message = readMessage(object);
    if (names.has(message.name)) {
      object.problem("name", `there are two messages "${message.name}"`, "Write another name");
    }
    names.add(message.name);
    return message;
  });
}

function readMessage(object: MapObject): Message {
  const name = object.text("name", NAME);
  const starts = object.text("starts", STARTS, "");
  const ignore = object.flag("ignore", false);
  const form = readForm(object, ignore);
  const fields = ignore ? [] : readFields(object, form);
  if (ignore && object.has("fields")) {
    object.problem("fields", "lines that are ignored have none", "Leave out fields, or ignore");
  }
  if (ignore && form === null && starts === "") {
    const write = "Write starts or pattern, so that it is clear which lines are ignored";
    object.problem("ignore", "this would ignore every line", write);
  }
  object.end();
  return { name, starts, ignore, form, fields };
}

function readForm(object: MapObject, ignore: boolean): SeparatedForm | Pattern | null {
  const separator = object.text("separator", SEPARATOR, "");
  const source = object.text("pattern", PATTERN, "");
  const parts = object.span("parts", { low: 1, high: PARTS_MAX }, null);
  if (separator !== "" && source !== "") {
    object.problem("pattern", "there is a separator as well", "Use one of the two");
  }
  if (source !== "") {
    if (parts !== null) {
      object.problem("parts", "a pattern has none", "Leave it out");
    }
    return patternOf(object, source);
  }
  if (separator !== "") {
    if (parts === null) {
      const write = "Write how many parts a line has, as a number or as [lowest, highest]";
      object.problem("parts", "it is missing", write);
    }
    return { separator, parts: parts ?? { low: 1, high: PARTS_MAX } };
  }
  if (!ignore) {
    object.problem("separator", "it is missing", "Write a separator, or a pattern");
  }
  return null;
}

function patternOf(object: MapObject, source: string): Pattern | null {
  try {
    return new Pattern(source);
  } catch (error) {
    object.problem("pattern", errorText(error), "See README.md for what patterns may have");
    return null;
  }
}

function codesOf(text: string): number[] {
  return Array.from({ length: text.length }, (_, place) => text.charCodeAt(place));
}

const TAB = 0x09;
/** Characters in a line, kinds of lines and parts of a line, at most. */
const CHARACTERS_MAX = 1024;
const MESSAGES_MAX = 32;
const PARTS_MAX = 200;

/** Latin-1 without 80-9F, which stand for no character. */
const LATIN_1 = /^[\0-\x7f\xa0-\xff]*$/;
const START: TextRule = {
  charactersMax: 1,
  form: LATIN_1,
  write: 'Write one character, for example "$" or "\\u0002"',
};
const END: TextRule = {
  charactersMax: 4,
  form: LATIN_1,
  write: 'Write one to four characters, for example "\\r\\n" or "\\u0003"',
};
const AROUND: TextRule = {
  charactersMin: 0,
  charactersMax: 4,
  form: LATIN_1,
  write: 'Write up to four characters, for example "*"',
};
const NAME: TextRule = { charactersMax: 40, write: 'Write a name, for example "weight"' };
const STARTS: TextRule = {
  charactersMax: 40,
  form: LATIN_1,
  write: "Write what such lines begin with",
};
const SEPARATOR: TextRule = {
  charactersMax: 4,
  form: LATIN_1,
  write: 'Write one to four characters, for example ","; " " stands for any number of blanks',
};
const PATTERN: TextRule = {
  charactersMax: PATTERN_CHARACTERS_MAX,
  write: "Write a pattern with named groups, for example ^T=(?<temperature>\\\\d+\\\\.\\\\d)$",
};
