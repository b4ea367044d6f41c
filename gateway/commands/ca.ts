import { parseArgs } from "node:util";

import { errorText, WardError } from "../errors.ts";
import { claimGateway } from "./ca-claim.ts";
import { init } from "./ca-init.ts";
import { issue, writeBrokerConfig, writeSettings } from "./ca-issue.ts";
import { list } from "./ca-list.ts";
import { replace } from "./ca-replace.ts";
import { crl, revoke, wiped } from "./ca-revoke.ts";
import { serve } from "./ca-serve.ts";
import type { CaOptions } from "./ca-options.ts";
import type { Command, CommandIo } from "./command.ts";

const help = `Usage: wardgate ca <verb> --directory DIR [options]

The certificate authority of a site: two roots, one for gateways and one for servers, each with an issuing authority below it.

  init      make a new one: --site NAME, --offline DIR for the keys of the roots, which belong into a safe
  claim     let a gateway fetch its first certificate, once: --gateway ID, --server URL, --hours N (24), --to FILE
  serve     the enrolment server (EST, RFC 7030): --names HOST,..., --host (127.0.0.1), --port N (8443), --days N (30) of a
            gateway's certificate, --grace-days N (30) after its end in which it may still be renewed, --list-days N (30)
            of the revocation lists it gives out
  issue     make a machine's directory here: --broker HOST,... | --hub ID | --gateway ID, --to DIR, --days N (365)
  mosquitto write mosquitto's configuration into a broker's directory: --to DIR, --hub ID,..., --host, --gateway-port N (8883),
            --hub-port N (8884)
  settings  sign a gateway's settings: --gateway ID, --hub DIR,..., --settings FILE, --to DIR
  revoke    --gateway ID | --hub ID | --serial HEX, --why TEXT. It counts once the new lists are where they are looked at
  crl       write fresh revocation lists: --to DIR (once or more often), --days N (365)
  replace   gateways | servers: a new issuing authority in place of one that ends soon: --offline DIR of the roots' keys.
            What the old one has signed still counts; with --revoke-old nothing of it does
  list      what was issued and still counts; --all: what ended or was revoked too
  wiped     FILE: check what a gateway said when its keys were destroyed, and revoke its certificates

  --directory DIR               the authority's directory
  --passphrase-file FILE        its passphrase, 12 characters or more (or WARD_CA_PASSPHRASE; on a terminal it is asked for)
  --root-passphrase-file FILE   init, replace: another one for the roots
  --key-store URI               init, replace: make the issuing authorities' keys in a PKCS #11 token,
                                pkcs11:token=LABEL?module-path=/usr/lib/softhsm/libsofthsm2.so (needs pkcs11-tool of OpenSC)
  --root-key-store URI          init: the same for the roots, in another token
  --pin-file FILE               the token's PIN (or WARD_TOKEN_PIN; on a terminal it is asked for)
  --root-pin-file FILE          that of the roots' token, when it is another one
  --json                        the answer as JSON
`;

const VERBS: Readonly<Record<string, (options: CaOptions, io: CommandIo) => Promise<number>>> = {
  init,
  claim: claimGateway,
  serve,
  issue,
  mosquitto: writeBrokerConfig,
  settings: writeSettings,
  revoke,
  crl,
  replace,
  list,
  wiped,
};

/** `wardgate ca`. */
export const command: Command = {
  summary: "the certificate authority of a site, and its enrolment server",
  help,
  async run(args, io) {
    const { values, positionals } = parsed(args);
    const [verb = "", ...words] = positionals;
    const act = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
    if (act === undefined || values.directory === undefined || words.length > 1) {
      throw usage("name what to do, and --directory DIR");
    }
    return await act({ ...values, directory: values.directory, word: words[0] }, io);
  },
};

function parsed(args: readonly string[]): ReturnType<typeof parseCaArgs> {
  try {
    return parseCaArgs(args);
  } catch (error) {
    throw usage(errorText(error), { cause: error });
  }
}

// An arrow function, so that the types of the values follow from the option table.
const parseCaArgs = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      directory: { type: "string" },
      site: { type: "string" },
      offline: { type: "string" },
      gateway: { type: "string" },
      hub: { type: "string" },
      broker: { type: "string" },
      serial: { type: "string" },
      why: { type: "string" },
      server: { type: "string" },
      hours: { type: "string" },
      names: { type: "string" },
      host: { type: "string" },
      port: { type: "string" },
      "gateway-port": { type: "string" },
      "hub-port": { type: "string" },
      days: { type: "string" },
      "grace-days": { type: "string" },
      "list-days": { type: "string" },
      settings: { type: "string" },
      to: { type: "string", multiple: true },
      all: { type: "boolean", default: false },
      "passphrase-file": { type: "string" },
      "root-passphrase-file": { type: "string" },
      "key-store": { type: "string" },
      "root-key-store": { type: "string" },
      "pin-file": { type: "string" },
      "root-pin-file": { type: "string" },
      "revoke-old": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });

function usage(why: string, options?: ErrorOptions): WardError {
  return new WardError("WARD_USAGE", `Cannot do that: ${why}. See: wardgate ca --help`, options);
}
