import { errorText } from "../../errors.ts";
import type { OpcuaDeadband } from "../device.ts";
import type { MapObject, TextRule } from "../map-object.ts";
import { parseDescription, Problems } from "../map-object.ts";
import { parsePlace } from "../opcua-place.ts";
import type { SiteFacts } from "../site-map.ts";
import {
  ENUMERATION_WORD,
  readCode,
  readPresent,
  readRange,
  readSiteFacts,
  readUnit,
} from "../site-map.ts";
import { unitIdsOf } from "../unece-units.ts";

/** The points of a device as a site describes them: README.md says what each field means. */
export interface PointTable {
  readonly facts: SiteFacts;
  readonly points: readonly TablePoint[];
}

export interface TablePoint {
  readonly node: string;
  readonly code: string;
  readonly mdc: number | null;
  readonly unit: string;
  readonly path: string;
  /** Unit ids that the server may declare; empty when the unit is in no list. */
  readonly unitIds: readonly number[];
  readonly deadband: OpcuaDeadband | null;
  /** Words by the text of the value, or null for a point whose values are given as they are. */
  readonly words: ReadonlyMap<string, string> | null;
  readonly range: { readonly low: number; readonly high: number } | null;
}

/** Reads a table's text; `problems` says everything that is wrong with it, and the table is null then. */
export function parseTable(text: string): {
  readonly table: PointTable | null;
  readonly problems: readonly string[];
} {
  const problems = new Problems();
  const top = parseDescription(text, problems);
  const table = top && readTable(top);
  return problems.isEmpty ? { table, problems: [] } : { table: null, problems: problems.list };
}

function readTable(top: MapObject): PointTable {
  const facts = readSiteFacts(top);
  const objects = top.objects("points", { low: 1, high: POINTS_MAX });
  const read = objects.map((object) => readPoint(object));
  top.end();
  const points = read.filter((point) => point !== null);
  tellDoubles(objects, read);
  return { facts, points };
}

/** A point, or null for one that this device does not have. */
function readPoint(object: MapObject): TablePoint | null {
  const isPresent = readPresent(object);
  object.text("name", NAME, "");
  const node = readNode(object);
  const coded = readCode(object);
  const unit = readUnit(object);
  const path = object.text("path", PATH, "");
  const words = object.words("enumeration", VALUE, ENUMERATION_WORD);
  const range = readRange(object);
  const deadband = readDeadband(object);
  const unitIds = object.has("unitId") ? [object.whole("unitId", UNIT_ID)] : unitIdsOf(unit);
  if (words !== null && (range !== null || deadband !== null)) {
    object.problem("enumeration", "there is a range or dead-band as well", "Use one of them");
  }
  object.end();
  return isPresent ? { node, ...coded, unit, path, unitIds, deadband, words, range } : null;
}

function readNode(object: MapObject): string {
  const node = object.text("node", NODE);
  try {
    if (node !== "") {
      parsePlace(node);
    }
  } catch (error) {
    object.problem("node", errorText(error).replace(/\.$/, ""), NODE.write);
  }
  return node;
}

function readDeadband(object: MapObject): OpcuaDeadband | null {
  if (!object.has("deadband")) {
    return null;
  }
  const deadband = object.object("deadband");
  const kind = deadband.choice("kind", ["absolute", "percent"]);
  const value = deadband.number("value") ?? 0;
  deadband.end();
  if (value <= 0 || (kind === "percent" && value > PERCENT_MAX)) {
    const write = `Write a number above 0${kind === "percent" ? ` and at most ${PERCENT_MAX}` : ""}`;
    object.problem("deadband.value", "it filters nothing or everything", write);
  }
  return { kind, value };
}

/** One node may be read once, and what is read must be told apart by its code and path. */
function tellDoubles(objects: readonly MapObject[], points: readonly (TablePoint | null)[]): void {
  const nodes = new Map<string, string>();
  const names = new Map<string, string>();
  for (const [place, point] of points.entries()) {
    const object = objects[place];
    if (point === null || object === undefined) {
      continue;
    }
    const sameNode = nodes.get(point.node);
    const name = `${point.code} ${point.path}`;
    const sameName = names.get(name);
    if (sameNode !== undefined) {
      object.problem("node", `${sameNode} reads the same node`, "Leave one of them out");
    }
    if (sameName !== undefined) {
      object.problem("code", `${sameName} has the same code and path`, "Give them different paths");
    }
    nodes.set(point.node, object.path);
    names.set(name, object.path);
  }
}

const NODE: TextRule = {
  charactersMax: 1100,
  write:
    'Write a node id such as "nsu=urn:maker:device;s=Tank.Level", or a browse path such as "DeviceSet > Tank > Level"; wardgate devices browse shows both',
};
const NAME: TextRule = { charactersMax: 120, write: "Write a name for people" };
const PATH: TextRule = {
  charactersMax: 40,
  form: /^\d{1,5}(?:\.\d{1,5}){0,3}$/,
  write: 'Write where it belongs, for example "1.2.1"',
};
const VALUE: TextRule = {
  charactersMax: 80,
  write: 'Write the text of a value of the server, for example "1" or "true"',
};
const UNIT_ID = { low: 1, high: 2 ** 31 - 1 } as const;
const POINTS_MAX = 1000;
const PERCENT_MAX = 100;
