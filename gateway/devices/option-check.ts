import type { DeviceOptions, Driver, OptionSpec } from "./device.ts";
import { OPTION_TEXT_MAX } from "./device.ts";

/** The options of a device as an engineer gave them, completed by the driver's defaults. */
export function completeOptions(driver: Driver, given: DeviceOptions): DeviceOptions {
  const defaults = driver.options.map(({ name, default: value }) => [name, value] as const);
  return { ...Object.fromEntries(defaults), ...given };
}

/**
 * What is wrong with given options: names the driver does not have, values that are none of an option's, and what the
 * driver itself says. Every problem at once, one sentence each that says what to write instead.
 */
export function optionProblems(driver: Driver, given: DeviceOptions): string[] {
  const problems = Object.entries(given).flatMap(([name, value]) => {
    const spec = driver.options.find((known) => known.name === name);
    return spec === undefined ? [unknownOption(driver, name)] : valueProblem(spec, value);
  });
  return problems.length > 0
    ? problems.slice(0, PROBLEMS_MAX)
    : [...(driver.problems?.(completeOptions(driver, given)) ?? [])].slice(0, PROBLEMS_MAX);
}

const PROBLEMS_MAX = 50;

function unknownOption({ facts, options }: Driver, name: string): string {
  const names = options.map((known) => known.name).join(", ");
  const hint = names === "" ? "It has none" : `Use one of ${names}`;
  return `${facts.model} has no option "${name.slice(0, 60)}". ${hint}.`;
}

function valueProblem(spec: OptionSpec, value: string | number | boolean): string[] {
  const { name, choices, minimum = -Infinity, maximum = Infinity } = spec;
  const wanted = wantedText(spec);
  const isType = typeof value === typeof spec.default;
  const isChoice = choices === undefined || choices.some((choice) => choice === value);
  const inRange = typeof value !== "number" || (value >= minimum && value <= maximum);
  const isShort = typeof value !== "string" || value.length <= OPTION_TEXT_MAX;
  return isType && isChoice && inRange && isShort
    ? []
    : [`Option ${name} cannot be "${String(value).slice(0, 60)}". Use ${wanted}.`];
}

function wantedText({ choices, default: usual, minimum, maximum, unit }: OptionSpec): string {
  if (choices !== undefined) {
    return `one of ${choices.join(", ")}`;
  }
  switch (typeof usual) {
    case "number":
      return `a number from ${minimum ?? "any"} to ${maximum ?? "any"}${unit === undefined ? "" : ` ${unit}`}`;
    case "boolean":
      return "true or false";
    default:
      return `text of at most ${OPTION_TEXT_MAX} characters`;
  }
}
