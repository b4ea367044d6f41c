import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { chown, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { WardError } from "../errors.ts";

/** Who a server knows this gateway's session as. */
export type OpcuaUser =
  | { readonly kind: "password"; readonly name: string; readonly password: string }
  | {
      readonly kind: "certificate";
      /** Both PEM, the key without a passphrase. */
      readonly certificate: string;
      readonly key: string;
    };

/**
 * The login for one server, or null for an anonymous session. Logins are secrets: they lie in the PKI directory beside this
 * gateway's own key, one file a line, and travel neither in flows nor in settings nor in any message. Throws WardError
 * `WARD_OPCUA_LOGIN_FILE`, which shows nothing of the file.
 */
export async function readUser(pki: string, key: string): Promise<OpcuaUser | null> {
  const file = userFile(pki, key);
  const found = await stat(file).catch((error: unknown) => {
    if (isMissing(error)) {
      return null;
    }
    throw bad(file, "it cannot be read", "Check who owns it");
  });
  if (found === null) {
    return null;
  }
  if ((found.mode & 0o077) !== 0) {
    throw bad(file, "others may read it", "Set its mode to 600, and change the password");
  }
  const text = await readFile(file, "utf8").catch(() => {
    throw bad(file, "it cannot be read", "Check who owns it");
  });
  const user = parseUser(text, key);
  if (user === null) {
    throw bad(file, "it is no login for this line", "Write it anew with wardgate devices login");
  }
  return user;
}

/** Keeps the login for a server, readable by the owner of the directory only. Returns the file. Throws WardError `WARD_USAGE`. */
export async function writeUser(pki: string, key: string, user: OpcuaUser): Promise<string> {
  const problem = userProblem(user);
  if (problem !== null) {
    throw new WardError("WARD_USAGE", `Cannot keep this login: ${problem}.`);
  }
  const file = userFile(pki, key);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.new`, `${JSON.stringify({ line: key, ...user })}\n`, { mode: 0o600 });
  // Whoever provisions may be root; whoever reads is the owner of the directory.
  const { uid, gid } = await stat(pki);
  if (process.getuid?.() === 0 && uid !== 0) {
    await chown(dirname(file), uid, gid);
    await chown(`${file}.new`, uid, gid);
  }
  await rename(`${file}.new`, file);
  return file;
}

/** Forgets the login for a server. */
export async function removeUser(pki: string, key: string): Promise<void> {
  await rm(userFile(pki, key), { force: true });
}

/** Where the login for a line lies: named by the line, without showing it. */
export function userFile(pki: string, key: string): string {
  const name = createHash("sha256").update(key).digest("hex").slice(0, NAME_DIGITS);
  return join(pki, "users", `${name}.json`);
}

function parseUser(text: string, key: string): OpcuaUser | null {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    // The reason would quote the secret.
    return null;
  }
  const line = textAt(found, "line");
  const kind = textAt(found, "kind");
  let user: OpcuaUser | null = null;
  if (kind === "password") {
    user = { kind, name: textAt(found, "name"), password: textAt(found, "password") };
  } else if (kind === "certificate") {
    user = { kind, certificate: textAt(found, "certificate"), key: textAt(found, "key") };
  }
  return line === key && user !== null && userProblem(user) === null ? user : null;
}

/** What is wrong with a login, without showing any of it. */
function userProblem(user: OpcuaUser): string | null {
  if (user.kind === "password") {
    const isName = user.name !== "" && user.name.length <= TEXT_MAX;
    const isPassword = user.password !== "" && user.password.length <= TEXT_MAX;
    return isName && isPassword ? null : "name or password is empty or too long";
  }
  try {
    const certificate = new X509Certificate(user.certificate);
    return certificate.checkPrivateKey(createPrivateKey(user.key))
      ? null
      : "the key does not belong to the certificate";
  } catch {
    return "certificate and key must be PEM, the key without a passphrase";
  }
}

function textAt(value: unknown, name: string): string {
  if (typeof value !== "object" || value === null) {
    return "";
  }
  const found: unknown = Object.entries(value).find(([field]) => field === name)?.[1];
  return typeof found === "string" ? found : "";
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function bad(file: string, why: string, whatToDo: string): WardError {
  return new WardError("WARD_OPCUA_LOGIN_FILE", `Cannot use login ${file}: ${why}. ${whatToDo}.`);
}

/** Hexadecimal digits of a file's name: 128 bits. */
const NAME_DIGITS = 32;
const TEXT_MAX = 1000;
