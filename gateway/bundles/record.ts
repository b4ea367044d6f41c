/** What happened to a bundle on a gateway. The words never change once released. */
export interface BundleEvent {
  readonly event:
    /** Not accepted. */
    | "refused"
    /** Written to the free slot. */
    | "staged"
    /** Runs from now on, on trial. */
    | "trial"
    /** The gateway was started again during a trial, which goes on. */
    | "trial-resumed"
    /** Kept: what ran before is only a fallback from now on. */
    | "kept"
    /** Not kept: what ran before runs again. */
    | "rolled-back"
    /** What lies in a slot is damaged and does not run. */
    | "damaged";
  /** The bundle's version, or null when it is not known. */
  readonly version: number | null;
  /** The bundle's hash, hex, or null. */
  readonly sha256: string | null;
  /** Why it was refused or is damaged: the error's code; "" otherwise. */
  readonly code: string;
  /** One plain sentence. */
  readonly text: string;
}

/** Told before the thing happens, which waits until this resolves, and does not happen when it rejects. */
export type RecordBundleEvent = (event: BundleEvent) => Promise<void>;
