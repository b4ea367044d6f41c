import { resolve } from "node:path";

import { Authority } from "../../provisioning/authority.ts";
import { lockedKeys, tokenKeys, type AuthorityKeys } from "../../provisioning/authority-keys.ts";
import { parseTokenUri } from "../../provisioning/token.ts";
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
  readonly "key-store"?: string | undefined;
  readonly "root-key-store"?: string | undefined;
  readonly "pin-file"?: string | undefined;
  readonly "root-pin-file"?: string | undefined;
  readonly "revoke-old": boolean;
  readonly json: boolean;
}

/** The authority with its keys; passphrase and PIN are asked for when they are needed. */
export async function openAuthority(options: CaOptions, io: CommandIo): Promise<Authority> {
  const directory = resolve(options.directory);
  const passphrase = await readPassphrase(
    {
      file: options["passphrase-file"],
      variable: PASSPHRASE_VARIABLE,
      prompt: "Passphrase of the authority",
    },
    io,
  );
  const pin = new Authority(directory).isInToken ? await readPin(options, io) : null;
  return new Authority(directory, { passphrase, pin });
}

/** Where `--key-store` wants new keys of issuing authorities: in a token, or else under the passphrase. */
export async function issuingKeys(
  options: CaOptions,
  passphrase: string,
  io: CommandIo,
): Promise<AuthorityKeys> {
  const store = options["key-store"];
  return store === undefined
    ? lockedKeys(passphrase)
    : tokenKeys(parseTokenUri(store), await readPin(options, io));
}

/** The PIN of the issuing authorities' token. */
async function readPin(options: CaOptions, io: CommandIo): Promise<string> {
  const asked = {
    file: options["pin-file"],
    variable: "WARD_TOKEN_PIN",
    prompt: "PIN of the token",
  };
  return await readPassphrase(asked, io);
}

/** The PIN of the roots' token; that of the other one when none is given. */
export async function readRootPin(options: CaOptions, io: CommandIo): Promise<string> {
  const file = options["root-pin-file"];
  return file === undefined
    ? await readPin(options, io)
    : await readPassphrase({ file, variable: "WARD_TOKEN_PIN", prompt: "PIN of the roots" }, io);
}

/** The passphrase of the roots; that of the authority when none is given. */
export async function readRootPassphrase(
  options: CaOptions,
  passphrase: string,
  io: CommandIo,
): Promise<string> {
  const file = options["root-passphrase-file"];
  const variable = PASSPHRASE_VARIABLE;
  return file === undefined
    ? passphrase
    : await readPassphrase({ file, variable, prompt: "Passphrase of the roots" }, io);
}

/** The variable that a passphrase of the authority may come in. */
export const PASSPHRASE_VARIABLE = "WARD_CA_PASSPHRASE";

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
