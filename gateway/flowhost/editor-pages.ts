import { readFile } from "node:fs/promises";

import { WardError } from "../errors.ts";
import type { Probe } from "../rooms.ts";
import type { Board } from "./board.ts";
import type { JsonPage, JsonPages } from "./editor.ts";
import { isRecord } from "./message-shape.ts";
import type { ProbeDesk } from "./probe-desk.ts";

export interface PageParts {
  readonly board: Board;
  readonly probes: ProbeDesk;
  /** The flows as they are stored. */
  readonly flows: () => Promise<unknown>;
  /** Turns what a browser wants looked at into a probe; throws a WardError in plain words. */
  readonly readProbe: (wanted: unknown) => Probe;
}

/** The pages of the flow host beside Node-RED's own. */
export function makeEditorPages({ board, probes, flows, readProbe }: PageParts): JsonPages {
  return {
    "GET /ward/board": () => board.content(),
    "GET /ward/flows": () => flows(),
    "GET /ward/wiring": ({ query }) => wiringSheet(query.get("model") ?? ""),
    "POST /ward/test": ({ body }) => ({ id: probes.start(readProbe(body)) }),
    "GET /ward/test": ({ query }) => probes.view(Number(query.get("id"))),
    "POST /ward/test/end": endTest(probes),
  };
}

function endTest(probes: ProbeDesk): JsonPage {
  return ({ body }) => {
    const id = isRecord(body) ? body["id"] : undefined;
    probes.end(typeof id === "number" ? id : Number.NaN);
    return {};
  };
}

/** The page of a model: wiring, menu steps, readings. Markdown, as it is in the program. */
async function wiringSheet(model: string): Promise<{ markdown: string }> {
  if (!MODEL.test(model)) {
    throw new WardError("WARD_UNKNOWN_MODEL", "Cannot show a wiring sheet: choose a model first.");
  }
  try {
    const page = new URL(`../devices/${model}/README.md`, import.meta.url);
    return { markdown: await readFile(page, "utf8") };
  } catch (error) {
    throw new WardError("WARD_UNKNOWN_MODEL", `Cannot show a wiring sheet: ${model} has none.`, {
      cause: error,
    });
  }
}

const MODEL = /^[a-z0-9]+(?:-[a-z0-9]+)+$/;
