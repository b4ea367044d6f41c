import { readFileSync } from "node:fs";

/** What a traced process did to files, one step each, in the order in which the kernel did it. */
export type DiskStep =
  /** `fd` now means the file at `path`. */
  | {
      readonly do: "open";
      readonly fd: number;
      readonly path: string;
      readonly create: boolean;
      readonly truncate: boolean;
      /** Every write is durable when it returns. */
      readonly synced: boolean;
    }
  | { readonly do: "write"; readonly fd: number; readonly bytes: Buffer }
  | { readonly do: "sync"; readonly fd: number }
  | { readonly do: "close"; readonly fd: number }
  | { readonly do: "rename"; readonly from: string; readonly to: string }
  | { readonly do: "link"; readonly from: string; readonly to: string }
  | { readonly do: "unlink"; readonly path: string }
  | { readonly do: "mkdir"; readonly path: string };

/** strace and its options: everything that changes files, with all bytes. */
export function straceInto(file: string): string[] {
  const calls = [
    ...WRITES,
    ...SYNCS,
    ...OPENS,
    ...RENAMES,
    ...UNLINKS,
    ...MKDIRS,
    "close",
    ...UNKNOWN,
  ];
  const list = `trace=${calls.join(",")}`;
  return ["strace", "-f", "-xx", "-s", "100000000", "--seccomp-bpf", "-e", list, "-o", file];
}

/** Reads what strace wrote. Throws on a call that changes files in a way not understood here. */
export function* readTrace(file: string): Generator<DiskStep> {
  const unfinished = new Map<string, string>();
  for (const line of readFileSync(file, "latin1").split("\n")) {
    const [, thread = "", text = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text);
    if (text.endsWith("<unfinished ...>")) {
      unfinished.set(thread, text.slice(0, -"<unfinished ...>".length));
      continue;
    }
    const call = resumed === null ? text : `${unfinished.get(thread)}${resumed[1]}`;
    const [, name, args, result] = /^(\w+)\((.*)\) += (-?\d+)/.exec(call) ?? [];
    if (name !== undefined && args !== undefined && Number(result) >= 0) {
      yield* stepsOf(name, args, Number(result));
    }
  }
}

const OPENS = ["open", "openat", "creat"];
const WRITES = ["write"];
const SYNCS = ["fsync", "fdatasync"];
const RENAMES = ["rename", "renameat", "renameat2"];
const LINKS: ReadonlySet<string> = new Set(["link", "linkat"]);
const UNLINKS = ["unlink", "unlinkat"];
const MKDIRS = ["mkdir", "mkdirat"];
/** Calls that would be misunderstood if they were made. */
const UNKNOWN = ["pwrite64", "writev", "pwritev", "ftruncate", "truncate", "fallocate"];

function* stepsOf(name: string, args: string, result: number): Generator<DiskStep> {
  const [, text = "", , other = ""] = args.split('"');
  const [path, second] = [textOf(text), textOf(other)];
  const fd = Number.parseInt(args, 10);
  if (OPENS.includes(name)) {
    const create = args.includes("O_CREAT");
    const truncate = args.includes("O_TRUNC");
    yield { do: "open", fd: result, path, create, truncate, synced: args.includes("O_SYNC") };
  } else if (WRITES.includes(name)) {
    yield { do: "write", fd, bytes: bytesOf(text).subarray(0, result) };
  } else if (SYNCS.includes(name)) {
    yield { do: "sync", fd };
  } else if (name === "close") {
    yield { do: "close", fd };
  } else if (RENAMES.includes(name)) {
    yield { do: "rename", from: path, to: second };
  } else if (LINKS.has(name)) {
    yield { do: "link", from: path, to: second };
  } else if (UNLINKS.includes(name)) {
    yield { do: "unlink", path };
  } else if (MKDIRS.includes(name)) {
    yield { do: "mkdir", path };
  } else {
    throw new Error(`the trace has ${name}, which is not understood`);
  }
}

function textOf(hex: string): string {
  return bytesOf(hex).toString("utf8");
}

/** Bytes written as `\x0a\xff`: there are many, so no detour by way of other strings. */
function bytesOf(hex: string): Buffer {
  const bytes = Buffer.allocUnsafe(hex.length / 4);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = 16 * digit(hex.charCodeAt(4 * at + 2)) + digit(hex.charCodeAt(4 * at + 3));
  }
  return bytes;
}

/** The value of a hexadecimal digit in lower case. */
function digit(code: number): number {
  return code < A_CODE ? code - ZERO_CODE : code - A_CODE + 10;
}

const ZERO_CODE = 0x30;
const A_CODE = 0x61;
