import { parseArgs } from "node:util";

import { WardError } from "../errors.ts";
import { parseLineUrl } from "../lines/line-url.ts";
import type { BrowsedNode } from "../lines/opcua-browse.ts";
import type { CommandIo } from "./command.ts";
import { writeLine } from "./ndjson.ts";
import { withOpcuaFiles } from "./opcua-context.ts";

/** `wardgate devices browse`: what is below a node of an OPC-UA server, for whoever writes a point table. */
export async function browseDevice(args: readonly string[], io: CommandIo): Promise<number> {
  const { line, node, trust, pki, json } = readOptions(args);
  const { browseOpcua } = await import("../lines/opcua-browse.ts");
  const children = await withOpcuaFiles({ trust, pki }, (opcua) =>
    browseOpcua(line, { ...opcua, gateway: "wardgate-devices-browse" }, node),
  );
  for (const child of children) {
    if (json) {
      writeLine(io.stdout, child);
    } else {
      io.stdout.write(`${plain(child)}\n`);
    }
  }
  return 0;
}

interface Options {
  readonly line: string;
  readonly node: string;
  readonly trust: readonly string[];
  readonly pki: string | null;
  readonly json: boolean;
}

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      line: { type: "string" },
      node: { type: "string", default: "" },
      trust: { type: "string", multiple: true, default: [] },
      pki: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const { line, node, trust, pki, json } = values;
  if (line === undefined || parseLineUrl(line).scheme !== "opc.tcp") {
    throw new WardError(
      "WARD_USAGE",
      "Cannot browse: name an OPC-UA server. Write wardgate devices browse --line opc.tcp://host:port --trust FILE.",
    );
  }
  return { line, node, trust, pki: pki ?? null, json };
}

/** One line: what it is, then how to name it. */
function plain({
  class: kind,
  name,
  type,
  dataType,
  value,
  unit,
  unitId,
  status,
  node,
}: BrowsedNode): string {
  const shownUnit = unit ?? (unitId === null ? null : `unit ${unitId}`);
  const isGood = status === null || status.startsWith("Good");
  const words = [
    kind.padEnd(CLASS_WIDTH),
    name,
    type === null ? null : `(${type})`,
    dataType,
    value === null ? null : `= ${JSON.stringify(value)}`,
    shownUnit,
    isGood ? null : status,
  ];
  return `${words.filter((word) => word !== null).join(" ")}\n${" ".repeat(CLASS_WIDTH)} ${node}`;
}

const CLASS_WIDTH = 8;
