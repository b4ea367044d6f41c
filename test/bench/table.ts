/** A table of text. A row whose cells but the first are all empty is a heading; a first cell that begins with blanks is set in. */
export interface Table {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A row that only says what the next ones are about. */
export function heading({ heads }: Pick<Table, "heads">, what: string): readonly string[] {
  return heads.map((_, column) => (column === 0 ? what : ""));
}

/** Columns aligned with blanks. */
export function plainTable({ heads, rows }: Table): string {
  const all = [heads, ...rows];
  const widths = heads.map((_, column) =>
    Math.max(...all.filter((row) => !isHeading(row)).map((row) => row[column]?.length ?? 0)),
  );
  return all
    .map((row) =>
      isHeading(row)
        ? `\n${row[0]}`
        : row
            .map((cell, column) =>
              column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
            )
            .join("   "),
    )
    .join("\n");
}

/** The same for Markdown. */
export function markdownTable({ heads, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const body = rows.map((row) => {
    const [what = "", ...cells] = row;
    return line([isHeading(row) ? `**${what}**` : what.replace(/^ +/, "&emsp;"), ...cells]);
  });
  const rule = heads.map((_, column) => (column === 0 ? "---" : "---:"));
  return [line(heads), line(rule), ...body].join("\n");
}

function isHeading([what, ...cells]: readonly string[]): boolean {
  return what !== "" && cells.every((cell) => cell === "");
}
