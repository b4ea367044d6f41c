/** The little of OData's query language that is asked here. Throws for the rest, as a server does. */

export interface Filter {
  readonly field: string;
  readonly value: string | number | boolean | null;
}

/** `a eq 1 and b eq 'x'`, each part in brackets or not. */
export function filterOf(text: string): Filter[] {
  return text === ""
    ? []
    : splitOutside(text, " and ").map((part) => {
        const [, field, literal = ""] =
          /^\(?(\w+) eq ('(?:[^']|'')*'|[\w.-]+)\)?$/.exec(part) ?? [];
        if (field === undefined) {
          throw new Error(`Failed to parse $filter: ${part}`);
        }
        return { field, value: valueOf(literal) };
      });
}

/** `a($select=b,c),d` */
export function listOf(text: string): { name: string; options: URLSearchParams }[] {
  return text === ""
    ? []
    : splitOutside(text, ",").map((part) => {
        const [, name, options = ""] = /^(\w+)(?:\((.*)\))?$/.exec(part) ?? [];
        if (name === undefined) {
          throw new Error(`Failed to parse $expand: ${part}`);
        }
        return { name, options: new URLSearchParams(options.replaceAll(";", "&")) };
      });
}

function valueOf(literal: string): Filter["value"] {
  if (literal.startsWith("'")) {
    return literal.slice(1, -1).replaceAll("''", "'");
  }
  const value: unknown = JSON.parse(literal);
  return value as Filter["value"];
}

/** Splits where neither a bracket nor a quote is open. */
function splitOutside(text: string, by: string): string[] {
  const parts = [""];
  let depth = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charAt(at);
    isQuoted = sign === "'" ? !isQuoted : isQuoted;
    depth += isQuoted ? 0 : sign === "(" ? 1 : sign === ")" ? -1 : 0;
    if (!isQuoted && depth === 0 && text.startsWith(by, at)) {
      parts.push("");
      at += by.length - 1;
    } else {
      parts[parts.length - 1] += sign;
    }
  }
  return parts;
}
