import { errorCode, errorText, WardError } from "../errors.ts";
import { collectorFlow, COLLECTOR_TAB } from "./collector-flow.ts";
import type { Documents } from "./documents.ts";
import { isRecord } from "./message-shape.ts";

/** Which flow runs: the stored one, or the built-in one that only collects. */
export type FlowMode = "flows" | "collector";

export interface StorageOptions {
  readonly documents: Pick<Documents, "load" | "save">;
  readonly mode: FlowMode;
  /** False: only signed flows run, and nothing is kept. */
  readonly authoring: boolean;
  /** True for a node type that this flow host has. */
  readonly isKnownType: (type: string) => boolean;
  /** Told of a stored document that cannot be read. */
  readonly log: (line: string) => void;
}

/**
 * Node-RED's storage module: flows, credentials and settings live with the keeper, which encrypts them; sessions live in
 * memory; there is no library. Nothing is ever written to a file.
 */
export interface FlowStorage {
  readonly init: () => Promise<void>;
  readonly getFlows: () => Promise<unknown>;
  readonly saveFlows: (flows: unknown) => Promise<void>;
  readonly getCredentials: () => Promise<object>;
  readonly saveCredentials: (credentials: unknown) => Promise<void>;
  readonly getSettings: () => Promise<object>;
  readonly saveSettings: (settings: unknown) => Promise<void>;
  readonly getSessions: () => Promise<unknown>;
  readonly saveSessions: (sessions: unknown) => Promise<void>;
  readonly getLibraryEntry: () => Promise<readonly string[]>;
  readonly saveLibraryEntry: () => Promise<void>;
}

/** Makes the storage module. Throws WardErrors with code and message, which the editor shows. */
export function makeStorage({
  documents,
  mode,
  authoring,
  isKnownType,
  log,
}: StorageOptions): FlowStorage {
  let sessions: unknown = {};
  // What was kept may be why the flow keeps crashing, and on a locked gateway nothing is kept.
  const usesKept = authoring && mode !== "collector";
  return {
    init: async () => undefined,
    getFlows: async () => {
      const flows = await loadFlows(documents, log);
      return mode === "collector" ? collectorFlow(flows) : flows;
    },
    saveFlows: async (flows) => {
      if (!authoring) {
        throw locked();
      }
      await documents.save("flows", JSON.stringify(deployable(flows, isKnownType)));
    },
    getCredentials: async () => (usesKept ? await loadObject(documents, "credentials", log) : {}),
    saveCredentials: async (credentials) => {
      if (!authoring) {
        throw locked();
      }
      await documents.save("credentials", JSON.stringify(credentials));
    },
    getSettings: async () => (usesKept ? await loadObject(documents, "settings", log) : {}),
    saveSettings: async (settings) => {
      if (authoring) {
        await documents.save("settings", JSON.stringify(settings));
      }
    },
    getSessions: async () => sessions,
    saveSessions: async (given) => {
      sessions = given;
    },
    getLibraryEntry: async () => [],
    saveLibraryEntry: async () => {
      throw new WardError("WARD_NO_LIBRARY", "Cannot save: this gateway keeps no library.");
    },
  };
}

/**
 * The stored flow, or the signed one when the stored one cannot be read; an empty one when there is none. Throws WardError
 * `WARD_FLOWS_UNREADABLE` when the signed one cannot be read either.
 */
export async function loadFlows(
  documents: Pick<Documents, "load">,
  log: (line: string) => void,
): Promise<readonly unknown[]> {
  try {
    return flowsOf(await documents.load("flows"));
  } catch (error) {
    if (errorCode(error) !== UNREADABLE) {
      throw error;
    }
    log(`${errorText(error)} The signed flows run instead.`);
    return flowsOf(await documents.load("signed-flows"));
  }
}

function flowsOf(text: string | null): readonly unknown[] {
  const flows = parse(text, "flows") ?? [];
  if (!Array.isArray(flows) || !flows.every((node) => isRecord(node))) {
    throw unreadable("flows", "it is not a list of nodes");
  }
  return flows;
}

/** What cannot be read counts as absent: it holds nothing that a flow cannot run without. */
async function loadObject(
  documents: Pick<Documents, "load">,
  what: "credentials" | "settings",
  log: (line: string) => void,
): Promise<object> {
  const text = await documents.load(what);
  try {
    const value = parse(text, what) ?? {};
    if (isRecord(value)) {
      return value;
    }
    log(`${what}: what is stored is not an object and counts as absent.`);
  } catch (error) {
    log(`${errorText(error)} They count as absent.`);
  }
  return {};
}

function parse(text: string | null, what: string): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    // The parser's own words quote the text.
    throw unreadable(what, "it is no JSON");
  }
}

/** A flow that would not start must not take the place of one that runs. */
function deployable(flows: unknown, isKnownType: (type: string) => boolean): readonly unknown[] {
  if (!Array.isArray(flows) || !flows.every((node) => isRecord(node))) {
    throw new WardError("WARD_FLOWS_UNUSABLE", "Cannot deploy: this is not a flow.");
  }
  const types = new Set(flows.map((node) => String(node["type"])));
  const unknown = [...types].filter((type) => !isBuiltIn(type) && !isKnownType(type));
  if (unknown.length > 0) {
    const names = unknown.slice(0, NAMES_MAX).join(", ");
    throw new WardError(
      "WARD_FLOWS_UNKNOWN_TYPE",
      `Cannot deploy: this gateway has no nodes of type ${names}. Remove them from the flow.`,
    );
  }
  if (flows.some((node) => node["id"] === COLLECTOR_TAB)) {
    throw new WardError(
      "WARD_FLOWS_COLLECTOR",
      "Cannot deploy: this is the built-in collector-only flow. Import your corrected flow and delete the tab Collector only.",
    );
  }
  return flows;
}

/** Types that are part of every flow, not made by a node. */
function isBuiltIn(type: string): boolean {
  return type === "tab" || type === "group" || type.startsWith("subflow");
}

function locked(): WardError {
  return new WardError(
    "WARD_FLOWS_LOCKED",
    "Cannot deploy: only signed flows run on this gateway. Change the flow on a bench gateway and sign it.",
  );
}

function unreadable(what: string, why: string): WardError {
  return new WardError(
    UNREADABLE,
    `Cannot read the stored ${what}: ${why}. Install the signed settings again.`,
  );
}

const UNREADABLE = "WARD_FLOWS_UNREADABLE";
const NAMES_MAX = 10;
