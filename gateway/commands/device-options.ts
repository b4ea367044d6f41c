import type { DeviceOptions, Driver, OptionSpec } from "../devices/device.ts";
import { WardError } from "../errors.ts";
import { readDescriptionFile } from "./yaml-file.ts";

/**
 * Reads `--option name=value` words for one driver and fills in the defaults; `name=@FILE` reads a long text from a file (JSON or YAML). Throws WardError `WARD_USAGE` that says which
 * option is wrong and what it may be.
 */
export function parseDeviceOptions(words: readonly string[], driver: Driver): DeviceOptions {
  const options: Record<string, string | number | boolean> = {};
  for (const { name, default: value } of driver.options) {
    options[name] = value;
  }
  for (const word of words) {
    const [, name = "", text = ""] = /^([a-z][a-z0-9-]*)=(.*)$/s.exec(word) ?? [];
    const spec = driver.options.find((known) => known.name === name);
    if (spec === undefined) {
      const names = driver.options.map((known) => known.name).join(", ");
      throw usage(`${driver.facts.model} has no option "${word.slice(0, 60)}"`, names);
    }
    options[name] = valueOf(spec, spec.multiline === true ? textOrFile(text) : text);
  }
  const problems = driver.problems?.(options) ?? [];
  if (problems.length > 0) {
    const count = `${problems.length} problem${problems.length === 1 ? "" : "s"}`;
    const why = `Cannot use the options of ${driver.facts.model}, ${count}: ${problems.join(" ")}`;
    throw new WardError("WARD_USAGE", why);
  }
  return options;
}

/** `@FILE` stands for what is in a file, for options whose text is long. */
function textOrFile(text: string): string {
  return text.startsWith("@") ? readDescriptionFile(text.slice(1)) : text;
}

function valueOf(spec: OptionSpec, text: string): string | number | boolean {
  const { name, choices, minimum, maximum } = spec;
  const value = typed(spec, text);
  if (choices !== undefined && !choices.some((choice) => choice === value)) {
    throw usage(`option ${name} cannot be "${text}"`, choices.join(", "));
  }
  if (
    typeof value === "number" &&
    (Number.isNaN(value) || value < (minimum ?? -Infinity) || value > (maximum ?? Infinity))
  ) {
    throw usage(`option ${name} cannot be "${text}"`, `${minimum ?? "any"} to ${maximum ?? "any"}`);
  }
  return value;
}

function typed(spec: OptionSpec, text: string): string | number | boolean {
  switch (typeof spec.default) {
    case "number":
      return /^[+-]?\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    case "boolean":
      if (text !== "true" && text !== "false") {
        throw usage(`option ${spec.name} cannot be "${text}"`, "true, false");
      }
      return text === "true";
    default:
      return text;
  }
}

function usage(why: string, choices: string): WardError {
  const hint = choices === "" ? "It has none" : `Use: ${choices}`;
  return new WardError("WARD_USAGE", `Cannot use this: ${why}. ${hint}.`);
}
