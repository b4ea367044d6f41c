import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { errorCode, errorText, WardError } from "../errors.ts";
import { sha256 } from "./canonical-json.ts";
import type { Bundle } from "./content.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";
import { readIfThere } from "./read-if-there.ts";
import type { BundleEvent, RecordBundleEvent } from "./record.ts";
import { refused } from "./refusal.ts";
import {
  packSigned,
  SLOT_BYTES_MAX,
  type SignedBundle,
  unpackSigned,
  verifySigned,
} from "./signed-bundle.ts";
import {
  type DeliveryBaseline,
  NO_SLOTS,
  otherSlot,
  readState,
  type SlotName,
  SLOTS,
  type SlotState,
  writeState,
} from "./slot-state.ts";

/** Where bundles lie below a data directory. */
export function bundleDirectory(dataDirectory: string): string {
  return join(dataDirectory, "bundles");
}

/** Puts down a fetched bundle for the gateway to try; it judges it again itself. */
export function writeIncoming(directory: string, signed: SignedBundle): void {
  replaceDurably(join(directory, INCOMING), packSigned(signed));
}

export interface SlotsOptions {
  readonly directory: string;
  /** The root metadata that was put on the gateway at provisioning. */
  readonly pinned: Uint8Array;
  readonly channel: string;
  readonly record: RecordBundleEvent;
}

/**
 * The two slots of a gateway. Only the process that holds the data directory changes them, one change after the other. Every
 * change is recorded before it is made, and not made when that is rejected; it is one file replaced whole, so that after a
 * kill or a power cut at any moment the next start finds exactly one bundle to run.
 */
export class Slots {
  readonly #options: SlotsOptions;
  #state: SlotState;
  #running: Bundle | null = null;

  private constructor(options: SlotsOptions, state: SlotState) {
    this.#options = options;
    this.#state = state;
  }

  /**
   * Opens the slots and decides what runs: the bundle on trial, unless the gateway has ended twice under it; else the active
   * one; when that is damaged, the other one.
   */
  static async open(options: SlotsOptions): Promise<Slots> {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    const state = readState(options.directory);
    const slots = new Slots(options, state ?? NO_SLOTS);
    if (state === null) {
      await slots.#recover();
    }
    await slots.#decide();
    return slots;
  }

  /** What a start would run, without changing anything; null when there is none, or it is damaged. */
  static async peek(options: SlotsOptions): Promise<Bundle | null> {
    const state = readState(options.directory) ?? NO_SLOTS;
    const slot = state.trial?.slot ?? state.active;
    return slot === null ? null : await new Slots(options, state).#read(slot);
  }

  /** Hash of the bundle that was rolled back last, or null. */
  static rejected(directory: string): string | null {
    return readState(directory)?.rejected ?? null;
  }

  /** The bundle that runs, or null when there is none. */
  get running(): Bundle | null {
    return this.#running;
  }

  /** How it was before the bundle on trial, or null when none is on trial. */
  get trial(): { readonly before: DeliveryBaseline | null } | null {
    return this.#state.trial;
  }

  /** True when a bundle was put down to be tried. */
  get hasIncoming(): boolean {
    return readIfThere(this.#path(INCOMING), SLOT_BYTES_MAX) !== null;
  }

  /**
   * Judges the bundle that was put down. Throws a WardError when it is not to be used; then it is removed, and what runs
   * stays.
   */
  async judgeIncoming(): Promise<Bundle> {
    return (await this.#incoming()).bundle;
  }

  /**
   * Takes the bundle that was put down into the free slot and onto trial; it is `running` then. Throws a WardError when it
   * is not to be used; then it is removed, and what runs stays.
   */
  async begin(before: DeliveryBaseline | null): Promise<Bundle> {
    if (this.#state.trial !== null) {
      throw new WardError(
        "WARD_BUNDLE_TRIAL",
        "Cannot try a bundle: another one is on trial. Wait until it is kept or rolled back.",
      );
    }
    const { signed, bundle } = await this.#incoming();
    const slot = otherSlot(this.#state.active);
    await this.#record("staged", bundle, `Bundle ${bundle.manifest.version} goes to slot ${slot}.`);
    replaceDurably(this.#path(fileOf(slot)), packSigned(signed));
    await this.#record("trial", bundle, `Bundle ${bundle.manifest.version} is tried.`);
    this.#write({ ...this.#state, trial: { slot, starts: 1, before } });
    rmSync(this.#path(INCOMING), { force: true });
    this.#running = bundle;
    return bundle;
  }

  /** The bundle on trial is the active one from now on. */
  async keep(): Promise<void> {
    const { trial, highest } = this.#state;
    if (trial === null || this.#running === null) {
      throw new TypeError("no bundle is on trial");
    }
    const { version } = this.#running.manifest;
    await this.#record("kept", this.#running, `Bundle ${version} is kept.`);
    const state = { active: trial.slot, trial: null, rejected: null };
    this.#write({ ...state, highest: Math.max(highest, version) });
  }

  /** The bundle on trial does not run any more; the one before it is `running` again, or none. */
  async rollBack(why: string): Promise<void> {
    const text = `Bundle ${this.#running?.manifest.version ?? ""} is rolled back: ${why}.`;
    await this.#record("rolled-back", this.#running, text);
    const slot = this.#state.trial?.slot;
    const rejected = this.#running?.sha256 ?? this.#state.rejected;
    this.#write({ ...this.#state, trial: null, rejected });
    if (slot !== undefined && slot !== this.#state.active) {
      rmSync(this.#path(fileOf(slot)), { force: true });
    }
    await this.#runActive();
  }

  /**
   * The kept bundle does not run any more, and the one that was kept before it is `running`: false when there is none, and
   * then nothing changes.
   */
  async fallBack(why: string): Promise<boolean> {
    const { active, trial } = this.#state;
    const before = active === null ? null : await this.#read(otherSlot(active));
    if (active === null || trial !== null || before === null) {
      return false;
    }
    const text = `Bundle ${this.#running?.manifest.version ?? ""} is given up: ${why}.`;
    await this.#record("rolled-back", this.#running, text);
    const rejected = this.#running?.sha256 ?? null;
    this.#write({ ...this.#state, active: otherSlot(active), rejected });
    rmSync(this.#path(fileOf(active)), { force: true });
    await this.#runActive();
    return true;
  }

  async #decide(): Promise<void> {
    const { trial } = this.#state;
    if (trial === null) {
      await this.#runActive();
      return;
    }
    this.#running = await this.#read(trial.slot);
    if (this.#running === null) {
      await this.rollBack("its slot is damaged");
    } else if (trial.starts >= STARTS_MAX) {
      await this.rollBack(`the gateway ended ${trial.starts} times while it was tried`);
    } else {
      await this.#record(
        "trial-resumed",
        this.#running,
        `Bundle ${this.#running.manifest.version} is tried again after a start.`,
      );
      this.#write({ ...this.#state, trial: { ...trial, starts: trial.starts + 1 } });
      this.#dropTaken(this.#running);
    }
  }

  /** What was put down may have been taken just before the gateway ended; it must not be tried a second time. */
  #dropTaken(taken: Bundle): void {
    const bytes = readIfThere(this.#path(INCOMING), SLOT_BYTES_MAX);
    try {
      if (bytes !== null && sha256(unpackSigned(bytes).archive) === taken.sha256) {
        rmSync(this.#path(INCOMING), { force: true });
      }
    } catch {
      // Damaged: it is refused when its turn comes.
    }
  }

  /**
   * Nothing says which slot runs: either none was ever filled, or the file was damaged. The lower version was kept before
   * the other one was tried.
   */
  async #recover(): Promise<void> {
    let active: SlotName | null = null;
    let lowest = Infinity;
    for (const slot of SLOTS) {
      const version = (await this.#read(slot))?.manifest.version ?? Infinity;
      active = version < lowest ? slot : active;
      lowest = Math.min(lowest, version);
    }
    this.#write({ ...NO_SLOTS, active });
  }

  async #runActive(): Promise<void> {
    const { active } = this.#state;
    if (active === null) {
      this.#running = null;
      return;
    }
    const other = otherSlot(active);
    this.#running = await this.#read(active);
    if (this.#running === null) {
      // What was rolled back is removed, so this one was kept once.
      this.#running = await this.#read(other);
      this.#write({ ...this.#state, active: this.#running === null ? active : other });
    }
  }

  async #incoming(): Promise<{ readonly signed: SignedBundle; readonly bundle: Bundle }> {
    const bytes = readIfThere(this.#path(INCOMING), SLOT_BYTES_MAX);
    try {
      if (bytes === null) {
        throw refused("WARD_BUNDLE_SOURCE", "none was put down");
      }
      const signed = unpackSigned(bytes);
      const bundle = verifySigned(signed, this.#options);
      if (bundle.manifest.version < this.#state.highest) {
        const why = `it is version ${bundle.manifest.version}, and this gateway has kept ${this.#state.highest}`;
        throw refused("WARD_BUNDLE_OLDER", why);
      }
      return { signed, bundle };
    } catch (error) {
      await this.#recordError("refused", error, "What was put down is not tried");
      rmSync(this.#path(INCOMING), { force: true });
      throw error;
    }
  }

  /** A slot's bundle, judged from the pinned root on, or null when there is none that may run. */
  async #read(slot: SlotName): Promise<Bundle | null> {
    const bytes = readIfThere(this.#path(fileOf(slot)), SLOT_BYTES_MAX);
    if (bytes === null) {
      return null;
    }
    try {
      return verifySigned(unpackSigned(bytes), this.#options);
    } catch (error) {
      await this.#recordError("damaged", error, `What lies in slot ${slot} does not run`);
      return null;
    }
  }

  async #record(event: BundleEvent["event"], bundle: Bundle | null, text: string): Promise<void> {
    const version = bundle?.manifest.version ?? null;
    await this.#options.record({ event, version, sha256: bundle?.sha256 ?? null, code: "", text });
  }

  async #recordError(event: BundleEvent["event"], error: unknown, what: string): Promise<void> {
    const text = `${what}: ${errorText(error)}`;
    await this.#options.record({
      event,
      version: null,
      sha256: null,
      code: errorCode(error),
      text,
    });
  }

  #write(state: SlotState): void {
    writeState(this.#options.directory, state);
    this.#state = state;
  }

  #path(file: string): string {
    return join(this.#options.directory, file);
  }
}

const INCOMING = "incoming.cbor";
/** A gateway that ends under a bundle so often did not end by chance. */
const STARTS_MAX = 2;

function fileOf(slot: SlotName): string {
  return `slot-${slot}.cbor`;
}
