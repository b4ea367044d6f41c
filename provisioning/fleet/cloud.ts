/** What is known of a fleet's devices, and what may be changed of them: the narrow side of balena's API. Ids are the API's. */
export interface FleetCloud {
  /** Throws WardError `WARD_FLEET_UNKNOWN` when there is no such fleet for this login. */
  state(slug: string): Promise<CloudState>;
  /** Makes a variable of a device, or gives it another value. */
  setVariable(
    device: number,
    variable: { readonly name: string; readonly value: string },
  ): Promise<void>;
  removeVariable(device: number, name: string): Promise<void>;
  pin(device: number, release: number): Promise<void>;
  rename(device: number, name: string): Promise<void>;
}

export interface CloudState {
  /** True when devices that are not pinned take every new release at once. */
  readonly tracksLatest: boolean;
  readonly devices: readonly CloudDevice[];
  /** Finished and usable ones. */
  readonly releases: readonly CloudRelease[];
}

export interface CloudRelease {
  readonly id: number;
  readonly commit: string;
  readonly version: string;
}

export interface CloudDevice {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly isOnline: boolean;
  /** In words, as the API gives it; null for a device that was never seen. */
  readonly lastSeen: string | null;
  readonly os: string | null;
  readonly running: number | null;
  readonly pinned: number | null;
  readonly variables: Readonly<Record<string, string>>;
}
