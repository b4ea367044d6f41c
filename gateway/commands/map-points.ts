import { parseTable } from "../devices/generic-opcua/point-table.ts";
import type { CheckedDescription } from "./checked-description.ts";

/** Checks a table of OPC-UA points. */
export function checkPointTable(text: string): CheckedDescription {
  const { table, problems } = parseTable(text);
  if (table === null) {
    return { problems };
  }
  return {
    about: table.facts,
    facts: {
      points: table.points.map(({ node, code, mdc, unit, path }) => {
        return { node, code, mdc, unit, path };
      }),
    },
    lines: table.points.map(({ node, code, unit, path, words, deadband }) => {
      const more = [
        path,
        words === null ? "" : `one of ${[...words.values()].join(", ")}`,
        deadband === null ? "" : `dead-band ${deadband.value} ${deadband.kind}`,
      ].filter((word) => word !== "");
      return `${code} ${unit}  ${node}${more.length === 0 ? "" : `  (${more.join("; ")})`}`;
    }),
  };
}
