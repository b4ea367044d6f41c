import { resolve } from "node:path";

import { Authority } from "../../provisioning/authority.ts";
import { WardError } from "../errors.ts";
import type { CommandIo } from "./command.ts";
import { readPassphrase } from "./passphrase.ts";

/** The options of `wardgate ca`; which of them a verb looks at, its help says. */
export interface CaOptions {
  readonly directory: string;
  /** The word after the verb. */
  readonly word?: string | undefined;
  readonly site?: string | undefined;
  readonly offline?: string | undefined;
  readonly gateway?: string | undefined;
  readonly hub?: string | undefined;
  readonly broker?: string | undefined;
  readonly serial?: string | undefined;
  readonly why?: string | undefined;
  readonly server?: string | undefined;
  readonly hours?: string | undefined;
  readonly names?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly "gateway-port"?: string | undefined;
  readonly "hub-port"?: string | undefined;
  readonly days?: string | undefined;
  readonly "grace-days"?: string | undefined;
  readonly "list-days"?: string | undefined;
  readonly settings?: string | undefined;
  readonly to?: readonly string[] | undefined;
  readonly all: boolean;
  readonly "passphrase-file"?: string | undefined;
  readonly "root-passphrase-file"?: string | undefined;
  readonly json: boolean;
}

/** The authority with its keys; the passphrase is asked for. */
export async function openAuthority(options: CaOptions, io: CommandIo): Promise<Authority> {
  const file = options["passphrase-file"];
  const variable = "WARD_CA_PASSPHRASE";
  const prompt = "Passphrase of the authority";
  const passphrase = await readPassphrase({ file, variable, prompt }, io);
  return new Authority(resolve(options.directory), passphrase);
}

/** What an option must say. @throws WardError `WARD_USAGE` */
export function needed(value: string | undefined, option: string): string {
  if (value === undefined || value === "") {
    throw new WardError("WARD_USAGE", `Cannot do that: give ${option}. See: wardgate ca --help`);
  }
  return value;
}

/** The one directory of `--to`. @throws WardError `WARD_USAGE` */
export function oneTo({ to }: CaOptions): string {
  const [first, ...more] = to ?? [];
  if (first === undefined || more.length > 0) {
    throw new WardError("WARD_USAGE", "Cannot do that: give --to once. See: wardgate ca --help");
  }
  return resolve(first);
}

/** A whole number within limits. @throws WardError `WARD_USAGE` */
export function wholeNumber(
  text: string | undefined,
  o: {
    readonly option: string;
    readonly otherwise: number;
    readonly least: number;
    readonly most: number;
  },
): number {
  const value = text === undefined ? o.otherwise : /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (value < o.least || value > o.most) {
    throw new WardError(
      "WARD_USAGE",
      `Cannot do that: ${o.option} must be a whole number from ${o.least} to ${o.most}.`,
    );
  }
  return value;
}

/** The parts of a list with commas. */
export function listed(text: string): string[] {
  return text.split(",").map((part) => part.trim());
}

/** Prints an answer, as JSON or in words. */
export function answer(options: CaOptions, io: CommandIo, value: unknown, text: string): void {
  io.stdout.write(options.json ? `${JSON.stringify(value)}\n` : `${text}\n`);
}
