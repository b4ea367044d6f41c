import type { DeviceNames } from "./names.ts";
import { bytesIn, type HubStore, numberIn, textIn } from "./store.ts";

/** One run of bedside of one device, as the views number them. */
export interface BootRow {
  readonly no: number;
  readonly device: number;
  readonly boot: string;
  /** Hub time of the last record that named it, epoch milliseconds. */
  readonly touchedAt: number;
}

/** Numbers for devices and for runs of bedside, so that a take costs little and no name lies in clear. */
export class DeviceTable {
  readonly #store: HubStore;
  readonly #names: DeviceNames;
  readonly #known = new Map<string, BootRow>();

  constructor(store: HubStore, names: DeviceNames) {
    this.#store = store;
    this.#names = names;
  }

  /** The number of this device's run, made when new. `at` is hub time (epoch milliseconds). */
  bootOf(gateway: string, device: string, boot: string, at: number): BootRow {
    const key = `${gateway}\n${device}\n${boot}`;
    const known = this.#known.get(key) ?? this.#find(gateway, device, boot, at);
    const row = at - known.touchedAt < TOUCH_MS ? known : this.#touch(known, at);
    if (this.#known.size >= CACHE_MAX) {
      this.#known.clear();
    }
    this.#known.set(key, row);
    return row;
  }

  /** Forgets what may have been undone. */
  forget(): void {
    this.#known.clear();
  }

  /** Runs with a number above `after`, in order. */
  boots(after: number, countMax: number): BootRow[] {
    return this.#store
      .statement("SELECT * FROM boots WHERE no > ? ORDER BY no LIMIT ?")
      .all(after, countMax)
      .map((row) => ({
        no: numberIn(row, "no"),
        device: numberIn(row, "device"),
        boot: textIn(row, "boot"),
        touchedAt: numberIn(row, "touched_at"),
      }));
  }

  /** Every device with its name in clear. Throws WardError `WARD_HUB_NAMES` under a wrong key. */
  devices(): { readonly no: number; readonly gateway: string; readonly device: string }[] {
    return this.#store
      .statement("SELECT no, gateway, name FROM devices ORDER BY no")
      .all()
      .map((row) => {
        const gateway = textIn(row, "gateway");
        const device = this.#names.open(gateway, bytesIn(row, "name"));
        return { no: numberIn(row, "no"), gateway, device };
      });
  }

  #find(gateway: string, device: string, boot: string, at: number): BootRow {
    const owner = this.#deviceNo(gateway, device);
    const row = this.#store
      .statement("SELECT no, touched_at FROM boots WHERE device = ? AND boot = ?")
      .get(owner, boot);
    if (row !== undefined) {
      return {
        no: numberIn(row, "no"),
        device: owner,
        boot,
        touchedAt: numberIn(row, "touched_at"),
      };
    }
    const made = this.#store
      .statement("INSERT INTO boots (device, boot, touched_at) VALUES (?, ?, ?)")
      .run(owner, boot, at);
    return { no: made.lastId, device: owner, boot, touchedAt: at };
  }

  #deviceNo(gateway: string, device: string): number {
    const tag = this.#names.tag(gateway, device);
    const row = this.#store
      .statement("SELECT no FROM devices WHERE gateway = ? AND tag = ?")
      .get(gateway, tag);
    if (row !== undefined) {
      return numberIn(row, "no");
    }
    return this.#store
      .statement("INSERT INTO devices (gateway, tag, name) VALUES (?, ?, ?)")
      .run(gateway, tag, this.#names.seal(gateway, device)).lastId;
  }

  #touch(row: BootRow, at: number): BootRow {
    this.#store.statement("UPDATE boots SET touched_at = ? WHERE no = ?").run(at, row.no);
    return { ...row, touchedAt: at };
  }
}

/** How old the noted time may be before it is written again (milliseconds). */
const TOUCH_MS = 60_000;
/** Runs remembered in memory. */
const CACHE_MAX = 20_000;
