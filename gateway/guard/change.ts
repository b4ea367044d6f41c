/** Something about a device that is not as it always was. */
export interface Change {
  readonly device: string;
  /** Stable word of the notice. */
  readonly notice: string;
  /** Plain words, without the device's name. */
  readonly text: string;
  /** Epoch milliseconds, or null. */
  readonly since: number | null;
}
