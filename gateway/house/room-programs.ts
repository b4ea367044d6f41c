import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import type { RoomProgram } from "./room-child.ts";
import { openKeys } from "../identity/open-keys.ts";
import type { RoomName } from "../rooms.ts";
import type { Settings } from "../settings.ts";

/**
 * What each room may do, as options of Node.js' permission model. The flow host gets to read the program and nothing else:
 * no network, no writing, no processes, no threads, no native code, no debugger.
 */
export function roomProgram(
  name: RoomName,
  settings: Settings,
  dataDirectory: string,
): RoomProgram {
  switch (name) {
    case "keeper": {
      const { nodeOptions, devices, environment } = openKeys(
        join(dataDirectory, "identity"),
      ).process;
      return {
        name,
        entry: "keeper/keeper-room.ts",
        environment,
        nodeOptions: [
          ...nodeOptions,
          ...devices.flatMap((path) => [`--allow-fs-read=${path}`, `--allow-fs-write=${path}`]),
          ...heap(settings.keeperHeapMb, YOUNG_MB.few),
          SMALL,
          ...CONFINED,
          "--allow-net",
          "--allow-addons",
          ...readProgram(),
          `--allow-fs-read=${dataDirectory}`,
          `--allow-fs-write=${dataDirectory}`,
          ...readClockSync(settings.clockSyncFile),
          // node-gyp-build looks here to tell musl from glibc before it loads an addon.
          "--allow-fs-read=/etc/alpine-release",
        ],
      };
    }
    case "bedside":
      return {
        name,
        entry: "bedside/bedside-room.ts",
        environment: {},
        nodeOptions: [
          ...heap(settings.bedsideHeapMb, YOUNG_MB.some),
          ...CONFINED,
          "--allow-net",
          "--allow-addons",
          ...readProgram(),
          "--allow-fs-read=/dev",
          "--allow-fs-write=/dev",
          `--allow-fs-read=${join(dataDirectory, "opcua-pki")}`,
          `--allow-fs-write=${join(dataDirectory, "opcua-pki")}`,
          "--allow-fs-read=/etc/alpine-release",
          ...readClockSync(settings.clockSyncFile),
        ],
      };
    case "flowhost":
      return {
        name,
        entry: "flowhost/flowhost-room.ts",
        environment: {},
        nodeOptions: [
          ...heap(settings.flowhostHeapMb, YOUNG_MB.many),
          ...CONFINED,
          ...readProgram(),
        ],
      };
    case "listener":
      return {
        name,
        entry: "console/listener-room.ts",
        environment: {},
        nodeOptions: [
          ...heap(settings.listenerHeapMb, YOUNG_MB.few),
          SMALL,
          ...CONFINED,
          "--allow-net",
          ...readProgram(),
          `--allow-fs-read=${join(dataDirectory, "console")}`,
        ],
      };
  }
}

/** Where the system says that the clock is right; the directory may come later than this process. */
function readClockSync(file: string): string[] {
  const directory = dirname(file);
  return file === "" ? [] : [`--allow-fs-read=${directory}`, `--allow-fs-read=${directory}/*`];
}

/** The installed program: never the directory as a whole, which may be somebody's working directory. */
function readProgram(): string[] {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  return PROGRAM_PARTS.map((part) => join(root, part))
    .filter((path) => existsSync(path))
    .map((path) => `--allow-fs-read=${path}`);
}

/**
 * What the permission model leaves open and no room needs: node:sqlite opens and creates files anywhere, and changing V8's
 * flags at run time writes traces to any file and takes WebAssembly's bounds checks away.
 */
const CONFINED = ["--permission", "--no-experimental-sqlite", "--freeze-flags-after-init"];
/** For rooms that move bytes rather than objects: less memory, and no slower that was measured. */
const SMALL = "--optimize-for-size";
const PROGRAM_PARTS = ["node_modules", "gateway", "nodes", "package.json"];

function heap(megabytes: number, young: number): string[] {
  return [`--max-old-space-size=${megabytes}`, `--max-semi-space-size=${young}`];
}

/**
 * Room for young objects (megabytes, and three times that in all). Where every reading is an object for a moment, too
 * little of it was measured to cost a third of all CPU.
 */
const YOUNG_MB = { few: 4, some: 8, many: 16 };
