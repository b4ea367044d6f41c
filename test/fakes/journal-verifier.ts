import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

/**
 * Verifies a proof as c2sp.org/tlog-proof, tlog-checkpoint and signed-note and RFC 9162 section 2.1.3.2 have it, with nothing of
 * the house: what an auditor would write.
 */
export function isProven(text: string, keyFile: string): boolean {
  const end = text.indexOf("\n\n");
  const [magic, extra, index, ...path] = text.slice(0, end).split("\n");
  const note = text.slice(end + 2);
  const body = note.slice(0, note.indexOf("\n\n") + 1);
  const [origin, size, root] = body.split("\n");
  const [dash, name, signature] = note.trimEnd().split("\n").at(-1)!.split(" ");
  const key = createPublicKey(readFileSync(keyFile));
  const raw = key.export({ format: "der", type: "spki" }).subarray(-32);
  const id = sha256(Buffer.from(`${name}\n`), Buffer.of(1), raw).subarray(0, 4);
  const signed = Buffer.from(signature!, "base64");
  const isNote =
    magic === "c2sp.org/tlog-proof@v1" &&
    dash === "—" &&
    name === origin &&
    signed.subarray(0, 4).equals(id) &&
    verify(null, Buffer.from(body), key, signed.subarray(4));
  let fn = Number(index!.slice("index ".length));
  let sn = Number(size) - 1;
  let hash = sha256(Buffer.of(0), Buffer.from(extra!.slice("extra ".length), "base64"));
  for (const step of path) {
    const other = Buffer.from(step, "base64");
    if (fn % 2 === 1 || fn === sn) {
      hash = sha256(Buffer.of(1), other, hash);
      while (fn % 2 === 0 && fn !== 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      hash = sha256(Buffer.of(1), hash, other);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return isNote && sn === 0 && hash.toString("base64") === root;
}

function sha256(...parts: Buffer[]): Buffer {
  return createHash("sha256").update(Buffer.concat(parts)).digest();
}
