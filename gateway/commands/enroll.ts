import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { parseClaim, type ClaimFile } from "../enrolment/claim-file.ts";
import { enrol, type Enrolled, type EnrolOptions } from "../enrolment/enrol.ts";
import { errorCode, errorText, WardError } from "../errors.ts";
import { GATEWAY_FILES } from "../identity/site-files.ts";
import type { Command, CommandIo } from "./command.ts";
import { keyWish, settingsFrom } from "./settings-file.ts";
import { noteLocally } from "./journal-note.ts";
import { type Patience, waitMs, waitUntil } from "./patience.ts";

const help = `Usage: wardgate enroll --data DIR [--claim FILE] [options]

Gives a gateway its identity by EST (RFC 7030): the keys are made here and never leave, the certificate comes from the
enrolment server against a claim that counts once. A gateway that has a certificate already, for example one that ended
while it was off line, keeps it until the new one has connected to the broker.

  --data DIR               the gateway's data directory
  --claim FILE             the claim, as wardgate ca claim made it (default: the text in WARD_CLAIM)
  --server URL             the EST server (default: the claim's)
  --ca FILE                who vouches for the EST server, PEM (default: the claim's servers root)
  --servers-root FILE      who vouches for the broker, PEM (default: the same)
  --settings FILE          settings as for wardgate run; keyProvider and tpmDevice say where the keys are made
  --settings-signer FILE   whose signature counts on site.cose, PEM (default: the claim's)
  --wait N                 wait, N seconds at most: for the EST server when it does not answer yet, and for a running gateway
                           until it uses the new certificate (exit 3 when it does not)
  --json                   the answer as one JSON object
`;

/** `wardgate enroll`. */
export const command: Command = { summary: "give a gateway its identity", help, run };

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: "string" },
      claim: { type: "string" },
      server: { type: "string" },
      ca: { type: "string" },
      "servers-root": { type: "string" },
      settings: { type: "string" },
      "settings-signer": { type: "string" },
      wait: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  if (values.data === undefined) {
    throw usage("--data DIR is missing");
  }
  const claim = await readClaim(values.claim);
  const estCa = needed("--ca FILE", await readGiven(values.ca), claim.serversRoot);
  const dataDirectory = resolve(values.data);
  try {
    await noteLocally(dataDirectory, { kind: "enrolment-asked", outcome: "accepted", what: {} });
  } catch (error) {
    // A journal whose key is lost with a TPM is never written again, and that is what the claim is to mend.
    if (errorCode(error) !== "WARD_VAULT_KEY") {
      throw error;
    }
    io.stderr.write(`${errorText(error)}\n`);
  }
  const settings = await settingsFrom(values.settings);
  const patience: Patience = { withinMs: waitMs(values.wait), stop: io.stop };
  const enrolled = await patiently(patience, {
    keys: keyWish(settings),
    dataDirectory,
    claim,
    server: needed("--server URL", values.server, claim.server),
    estCa,
    serversRoot: (await readGiven(values["servers-root"])) ?? claim.serversRoot ?? estCa,
    settingsSigner: needed(
      "--settings-signer FILE",
      await readGiven(values["settings-signer"]),
      claim.settingsSigner,
    ),
  });
  const { gateway, isInstalled, notAfter } = enrolled;
  const isInUse = isInstalled || (await untilInUse(dataDirectory, enrolled, patience));
  const until = new Date(notAfter).toISOString().slice(0, 16).replace("T", " ");
  const where = isInstalled
    ? "Its identity is installed."
    : isInUse
      ? "It has connected to the broker and is in use."
      : "It takes the place of the one before when it has connected to the broker.";
  io.stdout.write(
    values.json
      ? `${JSON.stringify({ ...enrolled, isInUse })}\n`
      : `${gateway} is enrolled: its certificate is valid until ${until} UTC. ${where}\n`,
  );
  return isInUse || patience.withinMs === 0 ? 0 : NOT_IN_USE;
}

const NOT_IN_USE = 3;

/** Asks again while the server is not there: it may just be starting. */
async function patiently(patience: Patience, options: EnrolOptions): Promise<Enrolled> {
  let enrolled: Enrolled | null = null;
  let failure: unknown;
  await waitUntil(async () => {
    try {
      enrolled = await enrol(options);
      return true;
    } catch (error) {
      failure = error;
      return errorCode(error) !== "WARD_EST_UNREACHABLE";
    }
  }, patience);
  if (enrolled === null) {
    throw failure;
  }
  return enrolled;
}

/** Looks into the data directory: the gateway puts the new certificate into its place once it has connected. */
async function untilInUse(
  dataDirectory: string,
  { serialNumber }: Enrolled,
  patience: Patience,
): Promise<boolean> {
  const path = join(dataDirectory, GATEWAY_FILES.certificate);
  return await waitUntil(
    async () => new X509Certificate(await readFile(path)).serialNumber === serialNumber,
    patience,
  );
}

async function readClaim(file: string | undefined): Promise<ClaimFile> {
  const text = (await readGiven(file)) ?? process.env["WARD_CLAIM"];
  if (text === undefined || text === "") {
    throw usage("give --claim FILE, or the claim's text in WARD_CLAIM");
  }
  return parseClaim(text);
}

async function readGiven(file: string | undefined): Promise<string | undefined> {
  try {
    return file === undefined ? undefined : await readFile(file, "utf8");
  } catch (error) {
    throw usage(`${file ?? ""} cannot be read (${errorText(error)})`);
  }
}

function needed(option: string, given: string | undefined, claimed: string | undefined): string {
  const value = given ?? claimed;
  if (value === undefined) {
    throw usage(`the claim does not say it: give ${option}`);
  }
  return value;
}

function usage(why: string): WardError {
  return new WardError("WARD_USAGE", `Cannot enrol: ${why}. See: wardgate enroll --help`);
}
