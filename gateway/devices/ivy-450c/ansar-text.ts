/** One line of the text part of a message: `NAME=count;value;...;label;message;`. */
export interface AnsarLine {
  readonly name: AnsarName;
  /** As many as the parameter has; "" for no value. */
  readonly values: readonly string[];
  /** Lead, site or setting, as the monitor writes it. */
  readonly label: string;
  /** The monitor has a message about this parameter. What it says is left where it was said. */
  readonly hasMessage: boolean;
}

/** How many values each parameter has; the line says the number too. */
const COUNTS = { HR: 1, RR: 1, ETCO2: 1, SPO2: 1, NIBP: 4, P1: 3, P2: 3, T1: 1, T2: 1 } as const;
export type AnsarName = keyof typeof COUNTS;

/** The lines of one message, and names that are not known; or why the text cannot be used. */
export interface AnsarText {
  readonly lines: readonly AnsarLine[];
  readonly unknown: readonly string[];
}

/**
 * Reads the text part of a message. It must start with a parameter that is known: when a byte of the waveforms before it was
 * lost or doubled, it does not. One line that is out of form makes all of it unusable, since nothing else protects it.
 */
export function parseText(text: string): AnsarText | string {
  const lines: AnsarLine[] = [];
  const unknown: string[] = [];
  for (const line of text.replaceAll("\n", "\r").split("\r")) {
    if (line.trim() === "") {
      continue;
    }
    const [head = "", ...fields] = line.split(";");
    const [, name = "", count = ""] = HEAD.exec(head) ?? [];
    if (name === "") {
      return "a text line that is not NAME=count;value;...";
    }
    if (!isName(name) || !hasItsCount(name, Number(count))) {
      unknown.push(`${name}=${count}`);
    } else {
      const parsed = lineOf(name, fields);
      if (typeof parsed === "string") {
        return parsed;
      }
      lines.push(parsed);
    }
    if (lines.length === 0) {
      return "a message whose text does not start where it must";
    }
  }
  const names = new Set(lines.map(({ name }) => name));
  if (names.size < lines.length) {
    return "a message with one parameter twice";
  }
  return lines.length === 0 ? "a message without text" : { lines, unknown };
}

const HEAD = /^([A-Z][A-Z0-9]{0,11})=(\d{1,2})$/;
/** A number, or a word that stands for none. */
const VALUE = /^(?:-?\d{1,3}(?:\.\d{1,2})?|[A-Z*?+ -]{0,12})$/;
/** Fields after the values: label, message, and what follows the last semicolon. */
const FIELDS_AFTER_MAX = 3;

function lineOf(name: AnsarName, fields: readonly string[]): AnsarLine | string {
  const count = COUNTS[name];
  const values = fields.slice(0, count).map((value) => value.trim());
  const after = fields.slice(count);
  if (values.length < count || after.length === 0 || after.length > FIELDS_AFTER_MAX) {
    return `a line of ${name} with too few or too many fields`;
  }
  if (!values.every((value) => VALUE.test(value))) {
    return `a line of ${name} with a value that is none`;
  }
  const [label = "", ...messages] = after;
  return { name, values, label, hasMessage: messages.some((message) => message.trim() !== "") };
}

/** A parameter of one value has it in the first field, whatever the number before it: OpenICE does not read that number at all. */
function hasItsCount(name: AnsarName, count: number): boolean {
  return COUNTS[name] === 1 || COUNTS[name] === count;
}

function isName(name: string): name is AnsarName {
  return Object.hasOwn(COUNTS, name);
}
