import { fileURLToPath } from "node:url";

/** Node.js' options for every process of the program: no debugger by signal, no warnings, types stripped once for all. */
export const NODE_OPTIONS: readonly string[] = [
  "--disable-sigusr1",
  "--disable-warning=ExperimentalWarning",
  `--import=${fileURLToPath(new URL("stripped.js", import.meta.url))}`,
];
