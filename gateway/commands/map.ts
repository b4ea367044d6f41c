import { parseArgs } from "node:util";

import { WardError } from "../errors.ts";
import type { CheckedDescription } from "./checked-description.ts";
import type { Command, CommandIo } from "./command.ts";
import { checkLineProtocol } from "./map-lines.ts";
import { checkPointTable } from "./map-points.ts";
import { checkRegisterMap } from "./map-registers.ts";
import { readDescriptionFile } from "./yaml-file.ts";

const HELP = `wardgate map check FILE [--model MODEL] [--line URL] [--json]

Checks what a site has written about a device of its own, without any device: a register map (generic-modbus), a line protocol
(generic-line) or a table of OPC-UA points (generic-opcua), YAML or JSON. Prints every problem with its place and what to do, or
what would be read and how.

  --model MODEL  which of the three it is (default: told by what is in it)
  --line URL     for a register map: the line it is meant for, which decides what is read together (default
                 modbus-tcp://device:502)
  --json         one JSON object

Exit code 0 when it can be used, 3 when it cannot.
`;

/** `wardgate map`: descriptions of devices that a site writes itself. */
export const command: Command = {
  summary: "check a register map, line protocol or point table of your own",
  help: HELP,
  async run(args, io) {
    const [verb, ...rest] = args;
    if (verb !== "check") {
      throw usage("write wardgate map check FILE");
    }
    return checkMap(rest, io);
  },
};

const MODELS = ["generic-modbus", "generic-line", "generic-opcua"] as const;
type Model = (typeof MODELS)[number];

const WRONG = 3;
const USUAL_LINE = "modbus-tcp://device:502";

function checkMap(args: readonly string[], io: CommandIo): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      model: { type: "string" },
      line: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) {
    throw usage("name one file");
  }
  const text = readDescriptionFile(file);
  const driver = values.model === undefined ? modelOf(text) : needModel(values.model);
  if (driver !== "generic-modbus" && values.line !== undefined) {
    throw usage(`--line is for register maps, and ${file} is for ${driver}`);
  }
  const checked = check(driver, text, values.line ?? USUAL_LINE);
  const isRight = !("problems" in checked);
  if (values.json) {
    const rest = isRight ? { ...checked.about, ...checked.facts } : checked;
    io.stdout.write(`${JSON.stringify({ file, driver, right: isRight, ...rest })}\n`);
  } else {
    io.stdout.write(`${wordsOf(file, driver, checked)}\n`);
  }
  return isRight ? 0 : WRONG;
}

function wordsOf(file: string, driver: Model, checked: CheckedDescription): string {
  if ("problems" in checked) {
    const problems = checked.problems.map((problem) => `  ${problem}`);
    return [`${file} cannot be used for ${driver}:`, ...problems].join("\n");
  }
  const { title, maker, model, source } = checked.about;
  return [`${file}: ${title} (${maker} ${model}), after ${source}`, "", ...checked.lines].join(
    "\n",
  );
}

function check(model: Model, text: string, line: string): CheckedDescription {
  switch (model) {
    case "generic-modbus":
      return checkRegisterMap(text, line);
    case "generic-line":
      return checkLineProtocol(text);
    case "generic-opcua":
      return checkPointTable(text);
  }
}

/** Whose description it is: only lines have messages, and only OPC-UA has nodes. */
function modelOf(text: string): Model {
  const { messages, line, points }: Partial<Record<string, unknown>> = { ...objectOf(text) };
  if (messages !== undefined || line !== undefined) {
    return "generic-line";
  }
  const hasNodes =
    Array.isArray(points) && points.some((point) => Object(point).node !== undefined);
  return hasNodes ? "generic-opcua" : "generic-modbus";
}

/** An object, or nothing: what is wrong with a text is for the check to say. */
function objectOf(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

function needModel(text: string): Model {
  const model = MODELS.find((known) => known === text);
  if (model === undefined) {
    throw usage(`${text.slice(0, 60)} has no description; it is for ${MODELS.join(", ")}`);
  }
  return model;
}

function usage(why: string): WardError {
  return new WardError("WARD_USAGE", `Cannot check map: ${why}. See wardgate map --help.`);
}
