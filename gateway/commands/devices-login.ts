import { createInterface } from "node:readline/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { WardError } from "../errors.ts";
import { lineKey, parseLineUrl } from "../lines/line-url.ts";
import type { OpcuaUser } from "../lines/opcua-user.ts";
import { removeUser, writeUser } from "../lines/opcua-user.ts";
import type { CommandIo } from "./command.ts";
import { noteLocally } from "./journal-note.ts";
import { readCertificate } from "./opcua-context.ts";

/**
 * `wardgate devices login`: keeps the login for one OPC-UA server where only bedside reads it. The password comes from stdin, never from the
 * arguments, which every user of the machine can see.
 */
export async function loginDevice(args: readonly string[], io: CommandIo): Promise<number> {
  const options = readOptions(args);
  const { pki, key } = options;
  if (options.kind === "remove") {
    await noted(options, "removed");
    await removeUser(pki, key);
    io.stderr.write(`${key} is read without a login from its next connection on.\n`);
    return 0;
  }
  const user = await userOf(options, io);
  await noted(options, options.kind);
  const file = await writeUser(pki, key, user);
  io.stderr.write(`${key} is read with this login from its next connection on: ${file}\n`);
  return 0;
}

/** Written down before it is done, where a gateway is named. */
async function noted({ data, key }: Options, change: string): Promise<void> {
  if (data !== null) {
    const what = { line: key, change };
    await noteLocally(data, { kind: "device-login", outcome: "accepted", what });
  }
}

type Options = { readonly data: string | null; readonly pki: string; readonly key: string } & (
  | { readonly kind: "remove" }
  | { readonly kind: "password"; readonly name: string }
  | { readonly kind: "certificate"; readonly certificate: string; readonly keyFile: string }
);

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      line: { type: "string" },
      data: { type: "string" },
      pki: { type: "string" },
      user: { type: "string" },
      certificate: { type: "string" },
      key: { type: "string" },
      remove: { type: "boolean", default: false },
    },
  });
  const { line, data, user, certificate, key: keyFile, remove } = values;
  const pki = values.pki ?? (data === undefined ? undefined : join(data, "opcua-pki"));
  if (line === undefined || pki === undefined || parseLineUrl(line).scheme !== "opc.tcp") {
    throw usage("name the server and the gateway's data directory");
  }
  const where = {
    data: data === undefined ? null : resolve(data),
    pki: resolve(pki),
    key: lineKey(line),
  };
  if (remove && user === undefined && certificate === undefined) {
    return { ...where, kind: "remove" };
  }
  if (!remove && user !== undefined && certificate === undefined) {
    return { ...where, kind: "password", name: user };
  }
  if (!remove && user === undefined && certificate !== undefined && keyFile !== undefined) {
    return { ...where, kind: "certificate", certificate, keyFile };
  }
  throw usage("give --user, or --certificate and --key, or --remove");
}

async function userOf(
  options: Exclude<Options, { readonly kind: "remove" }>,
  io: CommandIo,
): Promise<OpcuaUser> {
  if (options.kind === "password") {
    return { kind: "password", name: options.name, password: await readPassword(io) };
  }
  const [certificate, key] = await Promise.all([
    readCertificate(options.certificate),
    readCertificate(options.keyFile),
  ]);
  return { kind: "certificate", certificate, key };
}

/** The first line of stdin. At a terminal it is asked for; what is typed shows, so a pipe is better. */
async function readPassword(io: CommandIo): Promise<string> {
  io.stderr.write("Password, then Enter:\n");
  const lines = createInterface({ input: io.stdin, terminal: false });
  try {
    for await (const line of lines) {
      return line;
    }
  } finally {
    lines.close();
    io.stdin.pause();
  }
  throw usage("write the password to stdin");
}

function usage(why: string): WardError {
  return new WardError(
    "WARD_USAGE",
    `Cannot keep a login: ${why}. Write wardgate devices login --line opc.tcp://host:port --data DIR --user NAME.`,
  );
}
