import type { ServerResponse } from "node:http";

/** Answers with a page of our own. */
export function answer(
  response: ServerResponse,
  status: number,
  title: string,
  text: string,
): void {
  response.writeHead(status, { "Content-Type": "text/html; charset=utf-8" });
  response.end(noticePage(title, text));
}

/** The pages the listener shows itself, such as no login, and no flow. Plain HTML, no script, light and dark. */
function noticePage(title: string, text: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${title} · Wardgate</title>
<style>
  :root { color-scheme: light dark; font: 1.125rem/1.5 system-ui, sans-serif; }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; }
  main { max-width: 34rem; padding: 2rem; }
  h1 { font-size: 1.5rem; margin: 0 0 0.5rem; }
  p { margin: 0; opacity: 0.85; }
</style>
<main><h1>${title}</h1><p>${text}</p></main>
</html>
`;
}
