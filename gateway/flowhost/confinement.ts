import { createRequire, syncBuiltinESMExports } from "node:module";

import { WardError } from "../errors.ts";

/**
 * Makes sure that this process is confined by Node.js' permission model before any flow runs in it. Throws WardError
 * `WARD_NOT_CONFINED`: an engineer's flow never runs with more than the program's own files to read.
 */
export function assertConfined(): void {
  const { permission } = process;
  const granted =
    permission === undefined
      ? ["everything"]
      : FORBIDDEN.filter((privilege) => permission.has(privilege));
  // The permission model does not cover node:sqlite, which opens and creates files anywhere.
  if (process.getBuiltinModule("node:sqlite") !== undefined) {
    granted.push("node:sqlite");
  }
  if (granted.length > 0) {
    throw new WardError(
      "WARD_NOT_CONFINED",
      `Cannot run flows: this process may use ${granted.join(", ")}. Start the gateway with \`wardgate run\`.`,
    );
  }
}

/** Takes away what the permission model leaves: signals to other processes, their priority, and the environment. */
export function dropRest(): void {
  for (const name of Object.keys(process.env)) {
    if (!name.startsWith("WARD_") && name !== "TZ") {
      Reflect.deleteProperty(process.env, name);
    }
  }
  for (const name of SIGNALLING) {
    Reflect.deleteProperty(process, name);
  }
  const require = createRequire(import.meta.url);
  Reflect.deleteProperty(require("node:os"), "setPriority");
  // Frozen flags end the process when they are changed; without the function a flow cannot even do that.
  Reflect.deleteProperty(require("node:v8"), "setFlagsFromString");
  syncBuiltinESMExports();
}

const FORBIDDEN = ["fs.write", "net", "child", "worker", "addon", "inspector", "wasi", "ffi"];
/** Properties of `process` that reach other processes of the same user. */
const SIGNALLING = ["kill", "_kill", "_debugProcess", "_debugEnd", "_startProfilerIdleNotifier"];
