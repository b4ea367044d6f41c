import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";

import { defineConfig, type Plugin } from "vite";

/** Puts a brotli copy beside each file, so that the gateway never compresses. */
const brotli: Plugin = {
  name: "brotli",
  writeBundle({ dir = "" }) {
    for (const name of readdirSync(dir, { recursive: true, encoding: "utf8" })) {
      if (/\.(?:js|css|html)$/.test(name)) {
        writeFileSync(join(dir, `${name}.br`), brotliCompressSync(readFileSync(join(dir, name))));
      }
    }
  },
};

export default defineConfig({
  root: import.meta.dirname,
  plugins: [brotli],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: join(import.meta.dirname, "../built"),
    emptyOutDir: true,
    modulePreload: false,
    target: "es2023",
  },
});
