/** The node file in which something was thrown, as far as its stack tells: "ward-filter", "15-change"; null otherwise. */
export function blame(thrown: unknown): string | null {
  const stack = thrown instanceof Error ? (thrown.stack ?? "") : "";
  for (const line of stack.split("\n", LINES_MAX)) {
    const name = NODE_FILE.exec(line)?.[1];
    if (name !== undefined) {
      return name;
    }
  }
  return null;
}

const LINES_MAX = 50;
const NODE_FILE = /(?<!lib)[/\\](?:nodes|core)(?:[/\\][\w-]+){0,2}[/\\]([\w-]+)\.(?:js|ts|cjs):\d+/;
