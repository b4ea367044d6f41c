import { WardError } from "../errors.ts";

/** Why a bundle is not installed. The words never change once released. */
export type RefusalCode =
  /** What is inside is not what a bundle holds. */
  | "WARD_BUNDLE_CONTENT"
  /** Bytes are not those that were signed, or are no metadata at all. */
  | "WARD_BUNDLE_TAMPERED"
  /** Too few signatures, or not one of each role. */
  | "WARD_BUNDLE_SIGNATURES"
  /** Metadata is past its end. It blocks installing, never running. */
  | "WARD_BUNDLE_EXPIRED"
  /** Older than what this gateway has accepted before. */
  | "WARD_BUNDLE_OLDER"
  /** What this gateway remembers of bundles was set back. */
  | "WARD_BUNDLE_MARK"
  /** It needs another version of the program. */
  | "WARD_BUNDLE_RUNTIME"
  /** The clock is behind what has been signed: whether something has expired cannot be judged. */
  | "WARD_BUNDLE_CLOCK"
  /** The repository is not there, or lacks a file. */
  | "WARD_BUNDLE_SOURCE";

const ADVICE: Readonly<Record<RefusalCode, string>> = {
  WARD_BUNDLE_CONTENT: "Build it again.",
  WARD_BUNDLE_TAMPERED: "Nothing was changed. Get it again from where it was published.",
  WARD_BUNDLE_SIGNATURES: "Nothing was changed. Have it signed by both roles and publish it again.",
  WARD_BUNDLE_EXPIRED: "What runs goes on. Publish it again: wardgate bundle publish.",
  WARD_BUNDLE_OLDER: "What runs goes on. Publish a bundle with a higher version.",
  WARD_BUNDLE_MARK:
    "What runs goes on. Find out who changed its disk; then enrol the gateway anew, in an empty directory.",
  WARD_BUNDLE_RUNTIME: "What runs goes on. Update the gateway first.",
  WARD_BUNDLE_CLOCK: "What runs goes on. Set the clock first.",
  WARD_BUNDLE_SOURCE: "What runs goes on. Check path, network and certificate.",
};

/** The error of a bundle that is not installed. */
export function refused(code: RefusalCode, why: string, options?: ErrorOptions): WardError {
  return new WardError(code, `Cannot use the bundle: ${why}. ${ADVICE[code]}`, options);
}
