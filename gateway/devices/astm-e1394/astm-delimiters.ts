/** What parts the fields of a message; each is one character. The header says which they are. */
export interface Delimiters {
  readonly field: string;
  readonly repeat: string;
  readonly component: string;
  readonly escape: string;
}

/** What analysers use that say nothing else. */
export const USUAL_DELIMITERS: Delimiters = {
  field: "|",
  repeat: "\\",
  component: "^",
  escape: "&",
};

/** The delimiters that a header starts with (`H|\^&`), or null when these make no sense. */
export function delimitersOf(header: string): Delimiters | null {
  const [field = "", repeat = "", component = "", escape = ""] = header.slice(1, 5);
  const areDelimiters =
    new Set([field, repeat, component, escape]).size === 4 && !/[\w\s]/.test(field + component);
  return header.startsWith("H") && areDelimiters && escape !== ""
    ? { field, repeat, component, escape }
    : null;
}

/**
 * A text in which delimiters are characters like any other: `10&S&3/uL` is `10^3/uL` (E1394 6.6). Escapes that only show a text in another
 * way are left out, and what is none stays as it is.
 */
export function unescaped(text: string, delimiters: Delimiters): string {
  const { escape } = delimiters;
  if (!text.includes(escape)) {
    return text;
  }
  const parts = text.split(escape);
  let plain = parts[0] ?? "";
  for (let place = 1; place < parts.length; place += 1) {
    const part = parts[place] ?? "";
    const meaning = place + 1 < parts.length ? meaningOf(part, delimiters) : null;
    if (meaning === null) {
      plain += escape + part;
    } else {
      plain += meaning + (parts[place + 1] ?? "");
      place += 1;
    }
  }
  return plain;
}

/** What stands for the word between two escape delimiters, or null when it is no escape. */
function meaningOf(word: string, delimiters: Delimiters): string | null {
  switch (word) {
    case "F":
      return delimiters.field;
    case "S":
      return delimiters.component;
    case "R":
      return delimiters.repeat;
    case "E":
      return delimiters.escape;
    case "H":
    case "N":
      return "";
    default:
      return HEXADECIMAL.test(word) ? charactersOf(word.slice(1)) : null;
  }
}

/** Characters of two hex digits each; those that cannot be shown become blanks. */
function charactersOf(hex: string): string {
  return hex.replaceAll(/../g, (pair) => {
    const character = String.fromCharCode(Number.parseInt(pair, 16));
    return /[ -~\xa0-\xff]/.test(character) ? character : " ";
  });
}

const HEXADECIMAL = /^X(?:[0-9A-Fa-f]{2}){1,20}$/;
