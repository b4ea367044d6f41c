import { WardError } from "../errors.ts";
import { buildBundle } from "./bundle-build.ts";
import { diffCommand } from "./bundle-diff.ts";
import { installBundle, showStatus } from "./bundle-install.ts";
import { keysCommand } from "./bundle-keys.ts";
import { publishCommand, signCommand } from "./bundle-sign.ts";
import { verifyCommand } from "./bundle-verify.ts";
import type { Command, CommandIo } from "./command.ts";

const help = `Usage: wardgate bundle keys new FILE --role ROLE --name NAME
       wardgate bundle keys root --repository DIR --signer FILE... --publisher FILE... [--threshold N] [--days N]
       wardgate bundle build   --out FILE --channel NAME --version N [--from-gateway DIR | --flows FILE --hub DIR,...] ...
       wardgate bundle sign    --repository DIR --key FILE [--bundle FILE] [--days N] [--yes]
       wardgate bundle publish --repository DIR --key FILE [--days N]
       wardgate bundle verify  --repository DIR --root FILE --channel NAME
       wardgate bundle diff    BEFORE AFTER | --repository DIR --channel NAME
       wardgate bundle install --data DIR [--from DIR|URL] [--again] [--wait N]
       wardgate bundle status  --data DIR

Flows, device descriptions, recipients, roles and policy for gateways, signed by biomedical engineering and IT together.
docs/bundles.md shows the whole way.

  keys new   make a signer's key; ROLE is biomedical-engineering, information-technology or publisher. The private half
             goes to FILE under a passphrase, the public half to FILE.pub
  keys root  put down who signs, for signing; both roles must be among the signers
  build      make a bundle: from a gateway that runs, or from a flow and the hubs it is sealed to (--recipients FILE where
             their directories are not here); --devices DIR, --roles FILE, --policy FILE, --note TEXT, --min-runtime VERSION
  sign       add a bundle to what waits for signatures, show what changes, and sign it; at a terminal you are asked
             first (--yes: not)
  publish    publish what is signed by enough, or renew what is published; key of the publisher
  verify     judge a repository as a gateway would (exit 3 when it would refuse)
  diff       what is different between two bundle files, or between what is published and what waits
  install    get the newest bundle from a directory, a stick or an https:// address, judge it, and try it;
             --again also when it was rolled back before; --wait N waits, N seconds at most, until it is kept (exit 3 when
             it is not)
  status     which bundle runs on a gateway

  --passphrase-file FILE   first line is the key's passphrase (else WARD_PASSPHRASE, else you are asked)
  --json                   one JSON object
`;

/** `wardgate bundle`. */
export const command: Command = {
  summary: "build, sign, publish and install what gateways run",
  help,
  run,
};

const VERBS: Readonly<
  Record<string, (args: readonly string[], io: CommandIo) => number | Promise<number>>
> = {
  keys: keysCommand,
  build: buildBundle,
  sign: signCommand,
  publish: publishCommand,
  verify: verifyCommand,
  diff: diffCommand,
  install: installBundle,
  status: showStatus,
};

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const [verb = "", ...rest] = args;
  const act = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (act === undefined) {
    const words = Object.keys(VERBS).join(", ");
    throw new WardError("WARD_USAGE", `Cannot do that: name one of ${words}.`);
  }
  return act(rest, io);
}
