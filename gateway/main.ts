import type { Writable } from "node:stream";

import type { Command, CommandIo } from "./commands/command.ts";
import { plainTerminal } from "./commands/terminal.ts";
import { errorCode, errorText } from "./errors.ts";

/**
 * The front door: the `wardgate` command. Each verb is loaded when it is called, so that `--help` is quick and a verb
 * that needs little loads little.
 */
const VERBS: Readonly<Record<string, { summary: string; load: () => Promise<Command> }>> = {
  demo: {
    summary: "run a whole ward on this machine, from simulated devices to the hub",
    load: async () => (await import("./commands/demo.ts")).command,
  },
  run: {
    summary: "run the gateway of a data directory",
    load: async () => (await import("./commands/run.ts")).command,
  },
  hub: {
    summary: "run the receiving side; print its ledger",
    load: async () => (await import("./commands/hub.ts")).command,
  },
  broker: {
    summary: "run the embedded demo broker",
    load: async () => (await import("./commands/broker.ts")).command,
  },
  simulate: {
    summary: "simulate bedside devices on real lines",
    load: async () => (await import("./commands/simulate.ts")).command,
  },
  check: {
    summary: "say what is right and what is wrong with a gateway",
    load: async () => (await import("./commands/check.ts")).command,
  },
  health: {
    summary: "say whether data moves, in one line",
    load: async () => (await import("./commands/health.ts")).command,
  },
  login: {
    summary: "get a fresh one-time address of the editor",
    load: async () => (await import("./commands/login.ts")).command,
  },
  enroll: {
    summary: "give a gateway its identity: keys made here, a certificate from an enrolment server",
    load: async () => (await import("./commands/enroll.ts")).command,
  },
  wipe: {
    summary: "destroy the keys of a gateway that is taken out of service",
    load: async () => (await import("./commands/wipe.ts")).command,
  },
  ca: {
    summary: "the certificate authority of a site, and its enrolment server",
    load: async () => (await import("./commands/ca.ts")).command,
  },
  bundle: {
    summary: "build, sign, publish and install what gateways run",
    load: async () => (await import("./commands/bundle.ts")).command,
  },
  outbox: {
    summary: "say what waits in the outbox of a running gateway",
    load: async () => (await import("./commands/outbox.ts")).command,
  },
  journal: {
    summary: "show, verify and prove what a gateway has written down",
    load: async () => (await import("./commands/journal.ts")).command,
  },
  decode: {
    summary: "turn a device's raw bytes into readings",
    load: async () => (await import("./commands/decode.ts")).command,
  },
  record: {
    summary: "record what crosses a device's line",
    load: async () => (await import("./commands/record.ts")).command,
  },
  replay: {
    summary: "play a recording as a device on a line",
    load: async () => (await import("./commands/replay.ts")).command,
  },
  map: {
    summary: "check a register map, line protocol or point table of your own",
    load: async () => (await import("./commands/map.ts")).command,
  },
  boot: {
    summary: "bring a gateway up from what its environment brings, and run it",
    load: async () => (await import("./commands/boot.ts")).command,
  },
  agent: {
    summary: "on a balena box: pass a few words on to its supervisor",
    load: async () => (await import("./commands/agent.ts")).command,
  },
  guard: {
    summary: "guard the network of the devices: who may talk to whom",
    load: async () => (await import("./commands/guard.ts")).command,
  },
  ports: {
    summary: "share the serial ports of this machine as sockets (RFC 2217)",
    load: async () => (await import("./commands/ports.ts")).command,
  },
  fleet: {
    summary: "plan, apply and show the gateways of a balena fleet",
    load: async () => (await import("./commands/fleet.ts")).command,
  },
  devices: {
    summary: "list the devices that can be read; read one",
    load: async () => (await import("./commands/devices.ts")).command,
  },
};

/** Exit code for wrong usage. Defined before it is used: the command runs while this module is evaluated. */
const USAGE = 2;
/** Errors that are the caller's words and not something that failed. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  "WARD_USAGE",
  "WARD_LINE_URL",
  "WARD_UNKNOWN_MODEL",
  "WARD_BROKER_URL",
]);

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const [verb, ...rest] = args;
  if (verb === undefined || verb === "--help" || verb === "-h" || verb === "help") {
    process.stdout.write(help());
    return verb === undefined ? USAGE : 0;
  }
  if (verb === "--version") {
    const { default: about } = await import("../package.json", { with: { type: "json" } });
    process.stdout.write(`${about.version}\n`);
    return 0;
  }
  const entry = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (entry === undefined) {
    process.stderr.write(`wardgate: there is no verb "${verb}". Run: wardgate --help\n`);
    return USAGE;
  }
  return runVerb(verb, entry.load, rest);
}

async function runVerb(
  verb: string,
  load: () => Promise<Command>,
  args: readonly string[],
): Promise<number> {
  try {
    const command = await load();
    if (args.includes("--help") || args.includes("-h")) {
      process.stdout.write(`${command.help.trimEnd()}\n`);
      return 0;
    }
    return await command.run(args, processIo());
  } catch (error) {
    process.stderr.write(`wardgate ${verb}: ${errorText(error)}\n`);
    const code = errorCode(error);
    return USAGE_CODES.has(code) || code.startsWith("ERR_PARSE_ARGS") ? USAGE : 1;
  }
}

/** Ctrl-C and SIGTERM stop in order; a second Ctrl-C ends at once. */
function processIo(): CommandIo {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) {
      process.exit(1);
    }
    controller.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  // A closed pipe (wardgate ... | head) is the reader's choice, not an error.
  process.stdout.on("error", stop);
  const plain = (out: NodeJS.WriteStream): Writable =>
    out.isTTY ? plainTerminal(out).on("error", stop) : out;
  const { stdout, stderr, stdin } = process;
  return { stdout: plain(stdout), stderr: plain(stderr), stdin, stop: controller.signal };
}

function help(): string {
  const width = Math.max(...Object.keys(VERBS).map((verb) => verb.length));
  const verbs = Object.entries(VERBS).map(
    ([verb, { summary }]) => `  ${verb.padEnd(width)}  ${summary}`,
  );
  return `Wardgate: the edge gateway runtime for hospital wards.

Usage: wardgate <verb> [options]     (each verb: --help, --json)

${verbs.join("\n")}

Exit codes: 0 all well, 1 something failed, 2 wrong usage, 3 some check found something wrong.
`;
}
