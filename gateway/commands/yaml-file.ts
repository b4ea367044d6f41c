import { readFileSync } from "node:fs";

import { parseDocument } from "yaml";

import { OPTION_TEXT_MAX } from "../devices/device.ts";
import { errorText, WardError } from "../errors.ts";
import { readError } from "./read-error.ts";

/**
 * Reads a description of a device (a register map, a line protocol) that people write, and returns it as the JSON text that drivers take. A
 * file that begins with `{` is JSON and stays as it is; every other one is YAML. Throws WardError `WARD_READ_FILE` or
 * `WARD_USAGE`.
 */
export function readDescriptionFile(file: string): string {
  const text = readText(file);
  const json = jsonTextOf(file, text);
  if (json.length > OPTION_TEXT_MAX) {
    const why = `it has ${json.length} characters as JSON, and ${OPTION_TEXT_MAX} are the most`;
    throw new WardError("WARD_USAGE", `Cannot use ${file}: ${why}. Make two devices of it.`);
  }
  return json;
}

/** Reads a YAML or JSON file of any content up to 1 MB. Throws WardError `WARD_READ_FILE` or `WARD_USAGE`. */
export function readYamlFile(file: string): unknown {
  try {
    return JSON.parse(jsonTextOf(file, readText(file)));
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new WardError("WARD_USAGE", `Cannot use ${file}: it is no JSON, ${errorText(error)}.`, {
        cause: error,
      });
    }
    throw error;
  }
}

function jsonTextOf(file: string, text: string): string {
  return text.trimStart().startsWith("{") && !isYamlName(file) ? text : jsonOf(file, text);
}

function readText(file: string): string {
  try {
    const text = readFileSync(file, "utf8");
    if (text.length <= FILE_CHARACTERS_MAX) {
      return text;
    }
  } catch (error) {
    throw readError(file, error);
  }
  throw new WardError("WARD_USAGE", `Cannot use ${file}: it is larger than 1 MB.`);
}

function jsonOf(file: string, text: string): string {
  try {
    // YAML 1.2: on, off, yes and no are words, and no key comes twice.
    const document = parseDocument(text, { version: "1.2", uniqueKeys: true, strict: true });
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) {
      throw problem;
    }
    const json: unknown = document.toJS({ maxAliasCount: ALIASES_MAX });
    return JSON.stringify(json ?? {});
  } catch (error) {
    throw new WardError("WARD_USAGE", `Cannot use ${file}: it is no YAML, ${errorText(error)}.`, {
      cause: error,
    });
  }
}

function isYamlName(file: string): boolean {
  return /\.ya?ml$/i.test(file);
}

const FILE_CHARACTERS_MAX = 1_000_000;
/** A few anchors are handy; many of them are an attack. */
const ALIASES_MAX = 100;
