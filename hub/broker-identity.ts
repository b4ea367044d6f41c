import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { errorCode, errorText, WardError } from "../gateway/errors.ts";
import { BROKER_FILES } from "../gateway/identity/site-files.ts";

/** What a broker is and whom it believes, all PEM text. */
export interface BrokerIdentity {
  readonly certificate: string;
  readonly key: string;
  /** Vouches for gateways. */
  readonly gatewaysRoot: string;
  /** Vouches for hubs, and for this broker. */
  readonly serversRoot: string;
  /** Revocation list of each root, if there is one. */
  readonly gatewaysCrl?: string | undefined;
  readonly serversCrl?: string | undefined;
}

/** Reads a broker directory as provisioning writes it. @throws WardError `WARD_BROKER_DIRECTORY` naming the file */
export async function readBrokerIdentity(directory: string): Promise<BrokerIdentity> {
  const [certificate, key, gatewaysRoot, serversRoot, gatewaysCrl, serversCrl] = await Promise.all([
    readPart(directory, BROKER_FILES.certificate),
    readPart(directory, BROKER_FILES.key),
    readPart(directory, BROKER_FILES.gatewaysRoot),
    readPart(directory, BROKER_FILES.serversRoot),
    readOptional(directory, BROKER_FILES.gatewaysCrl),
    readOptional(directory, BROKER_FILES.serversCrl),
  ]);
  return { certificate, key, gatewaysRoot, serversRoot, gatewaysCrl, serversCrl };
}

async function readPart(directory: string, file: string): Promise<string> {
  try {
    return await readFile(join(directory, file), "utf8");
  } catch (error) {
    throw new WardError(
      "WARD_BROKER_DIRECTORY",
      `Cannot read ${join(directory, file)}: ${errorText(error)}. Give the broker directory that provisioning made.`,
      { cause: error },
    );
  }
}

async function readOptional(directory: string, file: string): Promise<string | undefined> {
  try {
    return await readFile(join(directory, file), "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return undefined;
    }
    throw error;
  }
}
