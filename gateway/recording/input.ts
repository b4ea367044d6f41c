import type { Piece, RecordingHeader } from "./recording.ts";
import { RECORDING_START } from "./recording.ts";
import { RecordingReader } from "./recording-reader.ts";

/** What a file of a device's bytes holds: raw bytes, or a recording with its header first. */
export type InputPart =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "header"; readonly header: RecordingHeader }
  | { readonly kind: "piece"; readonly piece: Piece };

/** Reads raw bytes or a recording, whichever it is. Throws WardError `WARD_RECORDING` for a recording that is damaged. */
export async function* readInput(
  chunks: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<InputPart> {
  let head: Buffer | null = Buffer.alloc(0);
  let reader: RecordingReader | null = null;
  for await (const chunk of chunks) {
    let bytes: Uint8Array = typeof chunk === "string" ? Buffer.from(chunk, "latin1") : chunk;
    if (head !== null) {
      head = Buffer.concat([head, bytes]);
      if (mayBeRecording(head) && head.length < RECORDING_START.length) {
        continue;
      }
      reader = mayBeRecording(head) ? new RecordingReader() : null;
      bytes = head;
      head = null;
    }
    yield* reader === null ? [{ kind: "bytes", bytes } as const] : reader.push(bytes);
  }
  if (head !== null && head.length > 0) {
    yield { kind: "bytes", bytes: head };
  }
  reader?.end();
}

/** Whether all of it is how a recording begins, as far as it goes. */
function mayBeRecording(head: Buffer): boolean {
  const start = head.toString("latin1", 0, RECORDING_START.length);
  return RECORDING_START.startsWith(start);
}
