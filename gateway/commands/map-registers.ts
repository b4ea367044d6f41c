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
import type { CheckedDescription } from "./checked-description.ts";

/** Checks a register map, and plans the requests for a line. Throws WardError `WARD_USAGE` for a line that is no Modbus line. */
export function checkRegisterMap(text: string, url: string): CheckedDescription {
  const line = modbusLine(url);
  const { map, problems } = parseMap(text);
  if (map === null) {
    return { problems };
  }
  const polls = plannedPolls({ map: text }, line);
  return {
    about: map.facts,
    facts: { points: map.points.map(pointFacts), polls: polls.map(pollFacts) },
    lines: wordsOf(map, polls),
  };
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

function wordsOf({ points }: RegisterMap, polls: readonly PlannedPoll[]): string[] {
  const lines = [
    "function address count  type     values   (addresses as they go over the wire, from 0)",
  ];
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
  return lines;
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
      throw new WardError(
        "WARD_USAGE",
        `Cannot check map: ${line.scheme} is no Modbus line. See wardgate map --help.`,
      );
  }
}
