import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { askControl } from "../house/control.ts";
import { checkGateway, type Finding } from "../house/gateway-check.ts";
import { errorCode, WardError } from "../errors.ts";
import type { Command, CommandIo } from "./command.ts";
import { inKeyProcess } from "./key-process.ts";
import { type Patience, waitMs, waitUntil } from "./patience.ts";

const help = `Usage: wardgate check --data DIR [--seconds N] [--wait N] [--json]

Says what is right and what is wrong with a gateway: identity and certificates, signed settings, clock, disk, broker and every
device of the signed flow. When the gateway runs, broker and devices are what it sees; when not, each is tried.

  --data DIR     the gateway's data directory
  --seconds N    how long each device may take to answer (default 10)
  --wait N       for a gateway that was just started: wait until it runs and all is right, N seconds at most
  --json         the findings as one JSON object

Exit code 0 when all is right, 3 when something is wrong.
`;

const WRONG = 3;

/** `wardgate check`. */
export const command: Command = {
  summary: "say what is right and what is wrong with a gateway",
  help,
  run,
};

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: "string" },
      seconds: { type: "string", default: "10" },
      wait: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const seconds = Number(values.seconds);
  if (values.data === undefined || !Number.isInteger(seconds) || seconds < 1 || seconds > 600) {
    throw new WardError(
      "WARD_USAGE",
      "Cannot check: give --data DIR, and --seconds from 1 to 600.",
    );
  }
  const exit = await inKeyProcess(resolve(values.data), ["check", ...args], io);
  if (exit !== null) {
    return exit;
  }
  const look = { directory: resolve(values.data), deviceMs: seconds * 1000, stop: io.stop };
  const withinMs = waitMs(values.wait);
  if (withinMs > 0) {
    await untilRight(look, { withinMs, stop: io.stop });
  }
  const findings: Finding[] = [];
  for await (const finding of checkGateway(look.directory, look)) {
    findings.push(finding);
    if (!values.json) {
      io.stdout.write(`${finding.right ? "right" : "WRONG"}  ${finding.what}: ${finding.text}\n`);
    }
  }
  const wrong = findings.filter((finding) => !finding.right).length;
  io.stdout.write(
    values.json
      ? `${JSON.stringify({ right: wrong === 0, findings })}\n`
      : summary(wrong, findings.length),
  );
  return wrong === 0 ? 0 : WRONG;
}

/** Waits for the running gateway: trying its devices beside it while it starts would only be in its way. */
async function untilRight(
  look: Parameters<typeof checkGateway>[1] & { readonly directory: string },
  patience: Patience,
): Promise<void> {
  await waitUntil(async () => (await isRunning(look.directory)) && (await isRight(look)), patience);
}

async function isRight(look: Parameters<typeof untilRight>[0]): Promise<boolean> {
  for await (const { right } of checkGateway(look.directory, look)) {
    if (!right) {
      return false;
    }
  }
  return true;
}

async function isRunning(directory: string): Promise<boolean> {
  try {
    await askControl(directory, "bedside");
    return true;
  } catch (error) {
    // A room that is busy does not answer in time.
    return errorCode(error) !== "WARD_NOT_RUNNING";
  }
}

function summary(wrong: number, all: number): string {
  return wrong === 0
    ? `\nAll ${all} checks are right.\n`
    : `\n${wrong} of ${all} checks are wrong.\n`;
}
