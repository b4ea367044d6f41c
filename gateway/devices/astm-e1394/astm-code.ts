/**
 * The private code of a test: `ASTM_` and the parts of the analyser's test id, `^^^WBC^804-5^1` is `ASTM_WBC`. LOINC codes among the parts and a last
 * part "1" (dilution 1) are left out. Characters that tell tests apart (`LYM#`, `LYM%`) become words. Null for an id without anything.
 */
export function codeOfTest(testId: string, componentDelimiter: string): string | null {
  const parts = testId
    .split(componentDelimiter)
    .map((part) => part.trim())
    .filter((part) => part !== "");
  const names = parts.filter((part) => !LOINC.test(part));
  const named = names.length > 1 && names.at(-1) === "1" ? names.slice(0, -1) : names;
  const name = (named.length > 0 ? named : parts).map(wordsOf).filter(Boolean).join("_");
  if (name === "") {
    return null;
  }
  return name.length <= NAME_CHARACTERS_MAX
    ? `ASTM_${name}`
    : `ASTM_${name.slice(0, NAME_CHARACTERS_MAX - 9)}_${fingerprintOf(name).slice(0, 8).toUpperCase()}`;
}

/** Sixteen hex digits that stand for a text (FNV-1a). Whoever knows the texts can find out which one it was. */
export function fingerprintOf(text: string): string {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (const character of text) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(character.charCodeAt(0))) * 0x0100_0000_01b3n);
  }
  return hash.toString(16).padStart(16, "0");
}

const LOINC = /^\d{1,5}-\d$/;
const NAME_CHARACTERS_MAX = 60;

/** Signs that tell tests apart. Others only separate. */
const SIGNS: Readonly<Record<string, string>> = {
  "#": "NUM",
  "%": "PCT",
  "+": "PLUS",
  "?": "Q",
  "*": "STAR",
  "<": "LT",
  ">": "GT",
  "=": "EQ",
  "!": "EXCL",
};

function wordsOf(part: string): string {
  return part
    .replace(/-$/, "_MINUS")
    .replaceAll(/[#%+?*<>=!]/g, (sign) => `_${SIGNS[sign] ?? ""}_`)
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, "_")
    .replaceAll(/^_+|_+$/g, "");
}
