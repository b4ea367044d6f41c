import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

import { WardError } from "../errors.ts";
import { ColumnReader, ColumnWriter, unreadable } from "../columns.ts";
import { DICTIONARY_1 } from "./dictionary.ts";

/**
 * What is encrypted: one byte (0 as it is, 1 zstd, 2 zstd with dictionary 1), the length of the content as an unsigned
 * variable-length integer, and the content.
 */
export function pack(content: Uint8Array): Uint8Array {
  if (content.length > CONTENT_BYTES_MAX) {
    throw new WardError(
      "WARD_SEAL_INPUT",
      `Cannot seal: ${content.length} bytes of content, more than ${CONTENT_BYTES_MAX}. Seal fewer items at once.`,
    );
  }
  // In long content the strings are a small part, and it may have matches that are too far from a dictionary.
  const method = content.length <= DICTIONARY_CONTENT_MAX ? ZSTD_DICTIONARY_1 : ZSTD;
  const zipped = content.length < ZIP_BYTES_MIN ? null : zip(content, method);
  const writer = new ColumnWriter();
  const smaller = zipped !== null && zipped.length < content.length;
  writer.byte(smaller ? method : PLAIN);
  writer.uint(content.length);
  writer.raw(smaller ? zipped : content);
  return writer.finish();
}

function zip(content: Uint8Array, method: ZipMethod): Uint8Array {
  const options = { params: ZIP_PARAMS, pledgedSrcSize: content.length };
  return zstdCompressSync(content, { ...options, ...dictionaryFor(method) });
}

function dictionaryFor(method: ZipMethod): { readonly dictionary?: Uint8Array } {
  return method === ZSTD_DICTIONARY_1 ? { dictionary: DICTIONARY_1 } : {};
}

/** The reverse. Throws WardError `WARD_OPEN`; never makes more bytes than CONTENT_BYTES_MAX. */
export function unpack(packed: Uint8Array): Uint8Array {
  const reader = new ColumnReader(packed);
  const method = reader.byte("packing", ZSTD_DICTIONARY_1);
  const length = reader.uint("content length", CONTENT_BYTES_MAX);
  const body = reader.raw("content", packed.length - reader.position);
  const content =
    method === PLAIN ? body : unzip(body, length, method === ZSTD ? ZSTD : ZSTD_DICTIONARY_1);
  if (content.length !== length) {
    throw unreadable("content length");
  }
  return content;
}

function unzip(body: Uint8Array, length: number, method: ZipMethod): Uint8Array {
  try {
    const bounds = { maxOutputLength: Math.max(length, 1), params: UNZIP_PARAMS };
    const limits = { ...bounds, ...dictionaryFor(method) };
    // With `info` the answer also tells how many bytes were used: zlib passes over what follows the frame.
    const answer: unknown = zstdDecompressSync(body, { ...limits, info: true });
    if (isInfo(answer) && answer.engine.bytesWritten === body.length) {
      return answer.buffer;
    }
  } catch (error) {
    throw unreadable("zstd content", { cause: error });
  }
  throw unreadable("end of zstd content");
}

/** The types of Node.js do not know what `info` makes of the answer. */
function isInfo(
  answer: unknown,
): answer is { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } } {
  return (
    typeof answer === "object" &&
    answer !== null &&
    "buffer" in answer &&
    answer.buffer instanceof Uint8Array &&
    "engine" in answer &&
    typeof answer.engine === "object" &&
    answer.engine !== null &&
    "bytesWritten" in answer.engine
  );
}

/** Bytes of content before packing, at most. */
export const CONTENT_BYTES_MAX: number = 8 * 2 ** 20;
/** Below this zstd costs more than it saves. */
const ZIP_BYTES_MIN = 96;
const PLAIN = 0;
const ZSTD = 1;
const ZSTD_DICTIONARY_1 = 2;
type ZipMethod = typeof ZSTD | typeof ZSTD_DICTIONARY_1;
const DICTIONARY_CONTENT_MAX = 64 * 1024;
const ZIP_PARAMS = { [constants.ZSTD_c_compressionLevel]: 1 };
/** A window of 8 MiB is all that CONTENT_BYTES_MAX can use; without it a few bytes may ask for 128 MiB. */
const UNZIP_PARAMS = { [constants.ZSTD_d_windowLogMax]: 23 };
