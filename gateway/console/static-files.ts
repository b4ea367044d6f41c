import { readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createHash } from "node:crypto";
import { extname, join, relative } from "node:path";

import { answer } from "./pages.ts";

interface StaticFile {
  readonly bytes: Buffer;
  /** The same under brotli; null where there is none. */
  readonly brotli: Buffer | null;
  readonly type: string;
  readonly etag: string;
}

/** The pages as they were built, read into memory once: no path of a request ever reaches the file system. */
export class StaticFiles {
  readonly #files = new Map<string, StaticFile>();

  /** Reads a directory of built pages; one that is not there has none, and says so to who asks. */
  constructor(directory: string) {
    for (const path of filesIn(directory)) {
      const type = TYPES[extname(path)];
      if (type !== undefined) {
        const bytes = readFileSync(path);
        const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
        const name = `/${relative(directory, path)}`;
        this.#files.set(name, { bytes, brotli: readIf(`${path}.br`), type, etag });
      }
    }
  }

  /** True for a path of a page or of what belongs to it. */
  has(path: string): boolean {
    return PAGES.has(path) || path.startsWith("/assets/");
  }

  answer(path: string, incoming: IncomingMessage, response: ServerResponse): void {
    const name = PAGES.has(path) ? "/index.html" : path;
    const file = this.#files.get(name);
    if (file === undefined) {
      const [title, text] = PAGES.has(path) ? NOT_BUILT : NOT_THERE;
      answer(response, 404, title, text);
      return;
    }
    response.setHeader("Content-Security-Policy", PAGE_POLICY);
    response.setHeader("ETag", file.etag);
    // What is in assets has a hash in its name: another content is another name.
    const isFixed = name.startsWith("/assets/");
    response.setHeader("Cache-Control", isFixed ? "max-age=31536000, immutable" : "no-cache");
    response.setHeader("Vary", "Accept-Encoding");
    if (incoming.headers["if-none-match"] === file.etag) {
      response.writeHead(304).end();
      return;
    }
    const takesBrotli = /\bbr\b/.test(incoming.headers["accept-encoding"] ?? "");
    const body = takesBrotli && file.brotli !== null ? file.brotli : file.bytes;
    response.writeHead(200, {
      "Content-Type": file.type,
      "Content-Length": body.length,
      ...(body === file.brotli ? { "Content-Encoding": "br" } : {}),
    });
    response.end(incoming.method === "HEAD" ? undefined : body);
  }
}

/** One page; which part of it is shown, it decides itself. */
const PAGES: ReadonlySet<string> = new Set([
  "/",
  "/sign-in",
  "/board",
  "/overview",
  "/devices",
  "/link",
  "/security",
  "/accounts",
]);

/** Nothing but what was built runs or is shown, and nobody else is asked for anything. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".png": "image/png",
  ".woff2": "font/woff2",
};
const NOT_BUILT = ["No pages", "The pages of this gateway were not built."] as const;
const NOT_THERE = ["Not there", "There is no such file."] as const;

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return [];
  }
}

function readIf(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}
