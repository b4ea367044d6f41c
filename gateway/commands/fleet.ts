import { parseArgs } from "node:util";

import { applyPlan } from "../../provisioning/fleet/apply.ts";
import { claimText, revokeGateway } from "../../provisioning/fleet/fleet-keys.ts";
import { CLAIM_VARIABLE, planText } from "../../provisioning/fleet/plan.ts";
import { fleetStatus, statusText } from "../../provisioning/fleet/status.ts";
import { errorText, WardError } from "../errors.ts";
import { wholeNumber } from "./ca-options.ts";
import type { Command, CommandIo } from "./command.ts";
import { namedGateways, openFleet, type Fleet, type FleetOptions } from "./fleet-options.ts";

const help = `Usage: wardgate fleet <verb> --inventory FILE --directory DIR [options]

Brings the gateways of a balena fleet to what one file says. provisioning/fleet.md shows the file and the way from it to a ward.

  plan      say what would change. Changes nothing
  apply     change it: names, variables, claims for gateways without a certificate, and releases, ring after ring
  status    every gateway: on line, release, certificate
  rotate    give gateways a new claim, so that they fetch a new certificate: --gateway ID,...
  revoke    revoke the certificates of gateways and take their claims away: --gateway ID,..., --why TEXT

  --inventory FILE    the inventory, YAML or JSON
  --directory DIR     the authority's directory (wardgate ca)
  --hours N           how long new claims count (default 24)
  --token-file FILE   balena API key (or BALENA_API_KEY)
  --api URL           another balena API (default: https://api.balena-cloud.com)
  --json              the answer as one JSON object

Exit code 0 when all is as it should be; plan and status: 3 when there is something to change or to put right.
`;

/** `wardgate fleet`. */
export const command: Command = {
  summary: "plan, apply and show the gateways of a balena fleet",
  help,
  async run(args, io) {
    const { values, positionals } = parsed(args);
    const [verb = "", ...more] = positionals;
    const act = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
    const { inventory, directory } = values;
    if (
      act === undefined ||
      more.length > 0 ||
      inventory === undefined ||
      directory === undefined
    ) {
      throw usage("name what to do, --inventory FILE and --directory DIR");
    }
    const options: FleetOptions = { ...values, inventory, directory };
    return await act(await openFleet(options), options, io);
  },
};

type Act = (fleet: Fleet, options: FleetOptions, io: CommandIo) => Promise<number>;

const VERBS: Readonly<Record<string, Act>> = {
  plan: async ({ plan }, options, io) => {
    say(options, io, plan, planText(plan));
    return plan.changes.length + plan.problems.length > 0 ? TO_DO : 0;
  },
  apply: async ({ plan, cloud, authority, inventory }, options, io) => {
    say(options, io, plan, planText(plan));
    let done = 0;
    await applyPlan(plan, {
      cloud,
      claim: (gateway) =>
        claimText(authority, { gateway, server: inventory.enrolment, validMs: validMs(options) }),
      onDone: () => {
        done += 1;
        io.stderr.write(`${done} of ${plan.changes.length}\n`);
      },
    });
    return 0;
  },
  status: async ({ inventory, state, plan, certificateEnds }, options, io) => {
    const states = fleetStatus(inventory, state, { plan, certificateEnds });
    say(options, io, { gateways: states, problems: plan.problems }, statusText(states));
    return states.every((one) => one.state === "online" && one.changes === 0) ? 0 : TO_DO;
  },
  rotate: async (fleet, options, io) => {
    const { authority, cloud, inventory } = fleet;
    const named = namedGateways(fleet, options.gateway);
    for (const { gateway, device } of named) {
      if (device === null) {
        throw new WardError(
          "WARD_FLEET_UNKNOWN",
          `Cannot rotate ${gateway.id}: the fleet has no such device.`,
        );
      }
      const claim = { gateway: gateway.id, server: inventory.enrolment, validMs: validMs(options) };
      await cloud.setVariable(device, {
        name: CLAIM_VARIABLE,
        value: await claimText(authority, claim),
      });
    }
    const names = named.map(({ gateway }) => gateway.id);
    const text = `New claims for ${names.join(", ")}. Each keeps its certificate until the new one has connected.\n`;
    say(options, io, { rotated: names }, text);
    return 0;
  },
  revoke: async (fleet, options, io) => {
    const { authority, cloud } = fleet;
    const revoked: { gateway: string; certificates: number }[] = [];
    for (const { gateway, device } of namedGateways(fleet, options.gateway)) {
      const certificates = await revokeGateway(authority, gateway.id, options.why ?? "");
      if (device !== null) {
        await cloud.removeVariable(device, CLAIM_VARIABLE);
      }
      revoked.push({ gateway: gateway.id, certificates });
    }
    const lines = revoked.map((one) => `${one.gateway}: ${one.certificates} certificates revoked.`);
    const next =
      "Take it out of the inventory, and write the lists, with wardgate ca crl, to where they are looked at.";
    say(options, io, { revoked }, `${[...lines, next].join("\n")}\n`);
    return 0;
  },
};

const TO_DO = 3;

function validMs({ hours }: FleetOptions): number {
  const limits = { option: "--hours", otherwise: 24, least: 1, most: 720 };
  return wholeNumber(hours, limits) * 3_600_000;
}

function say({ json }: FleetOptions, io: CommandIo, value: object, text: string): void {
  io.stdout.write(json ? `${JSON.stringify(value)}\n` : text);
}

function parsed(args: readonly string[]): ReturnType<typeof parseFleetArgs> {
  try {
    return parseFleetArgs(args);
  } catch (error) {
    throw usage(errorText(error), { cause: error });
  }
}

// An arrow function, so that the types of the values follow from the option table.
const parseFleetArgs = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      inventory: { type: "string" },
      directory: { type: "string" },
      gateway: { type: "string" },
      why: { type: "string" },
      hours: { type: "string" },
      api: { type: "string", default: "https://api.balena-cloud.com" },
      "token-file": { type: "string" },
      json: { type: "boolean", default: false },
    },
  });

function usage(why: string, options?: ErrorOptions): WardError {
  return new WardError("WARD_USAGE", `Cannot do that: ${why}. See: wardgate fleet --help`, options);
}
