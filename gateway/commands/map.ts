import { parseArgs } from "node:util";

import type { DeviceOptions, RegisterPoll } from "../devices/device.ts";
import { driver } from "../devices/generic-modbus/driver.ts";
import type { MapPoint } from "../devices/generic-modbus/map-point.ts";
import type { RegisterMap } from "../devices/generic-modbus/register-map.ts";
import { parseMap } from "../devices/generic-modbus/register-map.ts";
import { WardError } from "../errors.ts";
import type { HostLine, PortLine } from "../lines/line-url.ts";
import { parseLineUrl } from "../lines/line-url.ts";
import type { PlannedRequest } from "../lines/modbus-plan.ts";
import { planMs, planRequests } from "../lines/modbus-plan.ts";
import { timingOf } from "../lines/modbus-timing.ts";
import type { Command, CommandIo } from "./command.ts";
import { readDescriptionFile } from "./yaml-file.ts";

const HELP = `wardgate map check FILE [--line URL] [--json]

Checks a register map of the driver generic-modbus (YAML or JSON) without any device: prints every problem with its place and
what to do, or the points and the requests that would read them.

  --line URL   the line it is meant for, which decides what is read together (default modbus-tcp://device:502)
  --json       one JSON object

Exit code 0 when the map can be used, 3 when it cannot.
`;

/** `wardgate map`: register maps of a site. */
export const command: Command = {
  summary: "check a register map that the site has written",
  help: HELP,
  async run(args, io) {
    const [verb, ...rest] = args;
    if (verb !== "check") {
      throw usage("write wardgate map check FILE");
    }
    return checkMap(rest, io);
  },
};

const WRONG = 3;

function checkMap(args: readonly string[], io: CommandIo): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      line: { type: "string", default: "modbus-tcp://device:502" },
      json: { type: "boolean", default: false },
    },
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) {
    throw usage("name one file");
  }
  const line = modbusLine(values.line);
  const text = readDescriptionFile(file);
  const { map, problems } = parseMap(text);
  if (map === null) {
    const told = `${file} cannot be used:\n${problems.map((problem) => `  ${problem}\n`).join("")}`;
    io.stdout.write(values.json ? `${JSON.stringify({ file, right: false, problems })}\n` : told);
    return WRONG;
  }
  const polls = plannedPolls({ map: text }, line);
  io.stdout.write(
    values.json
      ? `${JSON.stringify({ file, right: true, ...map.facts, points: map.points.map(pointFacts), polls: polls.map(pollFacts) })}\n`
      : wordsOf(file, map, polls),
  );
  return 0;
}

interface PlannedPoll {
  readonly poll: RegisterPoll;
  readonly requests: readonly PlannedRequest[];
  /** How long the wire is busy with it (milliseconds); null on TCP, where that says nothing. */
  readonly wireMs: number | null;
}

function plannedPolls(options: DeviceOptions, line: PortLine | HostLine): PlannedPoll[] {
  const { cost } = timingOf(line, driver.serial);
  return driver.polls(options).map((poll) => {
    const requests = planRequests(poll.blocks, { cost, limits: driver.limits?.(options) ?? {} });
    const wireMs = line.scheme === "modbus-tcp" ? null : Math.ceil(planMs(requests, cost));
    return { poll, requests, wireMs };
  });
}

function pointFacts({ name, block, form, present, poll, values }: MapPoint): object {
  const { function: code, address, count } = block;
  return {
    name,
    function: code,
    address,
    count,
    type: form.type,
    present,
    poll,
    values: values.map((value) => ({ code: value.code, mdc: value.mdc, unit: value.unit })),
  };
}

function pollFacts({ poll, requests, wireMs }: PlannedPoll): object {
  return {
    everyMs: poll.everyMs,
    wireMs,
    requests: requests.map(({ function: code, address, count, holds }) => {
      return { function: code, address, count, blocks: holds.length };
    }),
  };
}

function wordsOf(
  file: string,
  { facts, points }: RegisterMap,
  polls: readonly PlannedPoll[],
): string {
  const lines = [
    `${file}: ${facts.title} (${facts.maker} ${facts.model}), after ${facts.source}`,
    "",
  ];
  lines.push(
    "function address count  type     values   (addresses as they go over the wire, from 0)",
  );
  for (const { name, block, form, present, poll, values } of points) {
    const place = `${block.function}        ${String(block.address).padEnd(7)} ${String(block.count).padEnd(6)} ${form.type.padEnd(8)}`;
    const codes = values.map(({ code, unit }) => `${code} ${unit}`).join(", ");
    lines.push(
      `${place} ${codes}  ${poll}${present === "present" ? "" : `, ${present}`}${name === "" ? "" : `  ${name}`}`,
    );
  }
  for (const { poll, requests, wireMs } of polls) {
    const busy = wireMs === null ? "" : `, about ${wireMs} ms on the wire`;
    lines.push("", `every ${poll.everyMs} ms${busy}:`);
    for (const { function: code, address, count, holds } of requests) {
      lines.push(
        `  function ${code}, ${address} to ${address + count - 1}, for ${holds.length} of the points`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

function modbusLine(url: string): PortLine | HostLine {
  const line = parseLineUrl(url);
  switch (line.scheme) {
    case "modbus-tcp":
    case "modbus-rtu":
    case "modbus-ascii":
    case "modbus-rtu+tcp":
      return line;
    default:
      throw usage(`${line.scheme} is no Modbus line`);
  }
}

function usage(why: string): WardError {
  return new WardError("WARD_USAGE", `Cannot check map: ${why}. See wardgate map --help.`);
}
