import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { test } from "node:test";

import { plainTerminal } from "../../gateway/commands/terminal.ts";

/** What a device, a broker, a bundle or a cloud has said, on its way to somebody's terminal. */

async function shown(...pieces: readonly (string | Uint8Array)[]): Promise<string> {
  const terminal = new PassThrough({ encoding: "utf8" });
  let text = "";
  terminal.on("data", (chunk: string) => (text += chunk));
  const out = plainTerminal(terminal);
  pieces.forEach((piece) => out.write(piece));
  out.end();
  await finished(out);
  terminal.end();
  await finished(terminal);
  return text;
}

test("nothing that is printed commands a terminal, however it is cut, and what people write comes through", async () => {
  const plain =
    "bed-4/monitor: no bytes since 10:32 \u2014 Gr\u00f6\u00dfe 5 \u00b5V\t\u65e5\u672c\n";
  assert.equal(await shown(plain), plain);
  const evil = "a\u001b[2Jb\u009b31mc\u0007d\re\u202ef\u2066g\u200fh\0i\u007fj\n";
  const bytes = Buffer.from(evil);
  assert.equal(
    await shown(evil),
    "a\ufffd[2Jb\ufffd31mc\ufffdd\ufffde\ufffdf\ufffdg\ufffdh\ufffdi\ufffdj\n",
  );
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const text = await shown(bytes.subarray(0, cut), bytes.subarray(cut));
    assert.doesNotMatch(text, /[^\P{Cc}\n]|\u202e|\u2066/u);
    assert.equal(text.replaceAll("\ufffd", ""), "a[2Jb31mcdefghij\n");
  }
});
