import { spawn } from "node:child_process";

import { errorText, WardError } from "../errors.ts";
import { TABLE } from "./ruleset.ts";

/** Puts rules in force: all of them at once, or none. Throws WardError `WARD_NFT`. */
export async function applyRules(rules: string, nft: string = NFT): Promise<void> {
  await run(nft, ["-f", "-"], rules);
}

/** Takes the guard's table away, if it is there. Throws WardError `WARD_NFT`. */
export async function removeRules(nft: string = NFT): Promise<void> {
  // To delete what is not there is an error; to make it first is none.
  await run(nft, ["-f", "-"], `table ${TABLE}\ndelete table ${TABLE}\n`);
}

/** The guard's table as nft tells it in JSON; null when there is none. Throws WardError `WARD_NFT`. */
export async function listTable(nft: string = NFT): Promise<unknown> {
  try {
    return JSON.parse(await run(nft, ["-j", "list", "table", ...TABLE.split(" ")], ""));
  } catch (error) {
    if (errorText(error).includes(NOT_THERE)) {
      return null;
    }
    throw error;
  }
}

const NFT = "nft";
/** How nft says that a table does not exist. */
const NOT_THERE = "No such file or directory";
const NFT_MS = 10_000;
/** Every set full, in JSON. */
const OUTPUT_MAX = 16 * 2 ** 20;

function run(nft: string, args: readonly string[], input: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(nft, args, {
    stdio: "pipe",
    timeout: NFT_MS,
    killSignal: "SIGKILL",
    env: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` },
  });
  let [said, complaint] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (said.length > OUTPUT_MAX) {
      child.kill("SIGKILL");
    }
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = `${complaint}${text}`.slice(0, COMPLAINT_MAX);
  });
  child.stdin.on("error", () => undefined);
  child.on("error", () => reject(unusable("the program does not start")));
  child.on("close", (code) => {
    if (code === 0) {
      resolve(said);
    } else {
      reject(unusable(complaint.split("\n")[0] ?? ""));
    }
  });
  child.stdin.end(input);
  return promise;
}

const COMPLAINT_MAX = 1000;

function unusable(why: string): WardError {
  const said = why === "" ? "nft did not answer" : why.replace(/\.$/, "");
  return new WardError(
    "WARD_NFT",
    `Cannot set the rules of the network: ${said}. The guard needs the program nft and the right NET_ADMIN.`,
  );
}
