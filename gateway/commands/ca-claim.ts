import { resolve } from "node:path";

import { Authority } from "../../provisioning/authority.ts";
import { makeClaim } from "../../provisioning/claims.ts";
import { writePrivate } from "../../provisioning/private-files.ts";
import type { ClaimFile } from "../enrolment/claim-file.ts";
import { answer, needed, oneTo, wholeNumber, type CaOptions } from "./ca-options.ts";
import type { CommandIo } from "./command.ts";

/** `wardgate ca claim`: needs no passphrase, for it signs nothing. */
export async function claimGateway(options: CaOptions, io: CommandIo): Promise<number> {
  const gateway = needed(options.gateway, "--gateway ID");
  const hours = wholeNumber(options.hours, {
    option: "--hours",
    otherwise: 24,
    least: 1,
    most: 720,
  });
  const authority = new Authority(resolve(options.directory));
  const claim = await makeClaim(authority.directory, gateway, hours * HOUR_MS);
  const file: ClaimFile = {
    ...claim,
    ...(options.server === undefined ? {} : { server: options.server }),
    serversRoot: authority.roots.servers,
    settingsSigner: authority.settingsSignerPublic,
  };
  if (options.to === undefined) {
    io.stdout.write(`${JSON.stringify(file)}\n`);
    return 0;
  }
  const to = oneTo(options);
  await writePrivate(to, `${JSON.stringify(file, null, 2)}\n`);
  const until = new Date(claim.expiresAt).toISOString();
  answer(
    options,
    io,
    { gateway, file: to, expiresAt: claim.expiresAt },
    `The claim of ${gateway} is in ${to} and counts once, until ${until}.`,
  );
  return 0;
}

const HOUR_MS = 3_600_000;
