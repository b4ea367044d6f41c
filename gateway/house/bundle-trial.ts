import { setTimeout as sleep } from "node:timers/promises";

import type { Bundle } from "../bundles/content.ts";
import type { Slots } from "../bundles/slots.ts";
import { errorText, WardError } from "../errors.ts";
import type { SignedSettings } from "../identity/signed-settings.ts";
import { ROOMS, type RoomName } from "../rooms.ts";
import type { Settings } from "../settings.ts";
import { DeliveryMeter } from "./delivery.ts";
import { flowSubscriptions } from "./flow-subscriptions.ts";
import { governedSite } from "./governed-site.ts";
import { judgeTrial, type Verdict } from "./health-gate.ts";

/** What a trial needs of the house. */
export interface TrialHouse {
  stats(room: RoomName): unknown;
  restarts(room: RoomName): number;
  /** Goes on under other settings: rooms that depend on them are started anew, in order; each may end `tries` times. */
  change(site: SignedSettings, tries: number): Promise<void>;
  note(notice: string, text: string): void;
}

export interface BundleTrialsOptions {
  readonly house: TrialHouse;
  readonly slots: Slots;
  /** The signed settings as they were read. */
  readonly site: SignedSettings;
  readonly settings: Pick<Settings, "bundleHealthS" | "bundleSteadyS" | "bundleRatePercent">;
  readonly stop: AbortSignal;
}

/**
 * Tries new bundles on a running house: what devices delivered before is the measure, and a bundle that does not reach it in
 * time goes, by itself, for the one before it.
 */
export class BundleTrials {
  readonly #options: BundleTrialsOptions;
  readonly #meter = new DeliveryMeter(BASELINE_MS);
  readonly #timer: NodeJS.Timeout;
  /** Since when what runs has run: what was before says nothing about it. */
  #runsSince = performance.now();
  #busy: Promise<void> | null = null;
  /** What was said last. */
  #said = "";

  constructor(options: BundleTrialsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** Goes on with a trial that an earlier start began, and tries what was put down while the gateway was stopped. */
  resume(): void {
    const { slots } = this.#options;
    const { running } = slots;
    if (slots.trial !== null && running !== null) {
      this.#run(() => this.#watch(running, { changed: Promise.resolve(), restarts: NONE_YET }));
    } else if (slots.hasIncoming) {
      this.#run(() => this.#begin());
    }
  }

  /**
   * Begins to try the bundle that was put down; whether it is kept shows later. Rejects with a WardError when it is not to be
   * used or another one is on trial.
   */
  async activate(): Promise<{ readonly version: number; readonly sha256: string }> {
    if (this.#busy !== null) {
      throw new WardError(
        "WARD_BUNDLE_TRIAL",
        "Cannot try a bundle: another one is on trial. Wait until it is kept or rolled back.",
      );
    }
    const judged = this.#options.slots.judgeIncoming();
    this.#run(async () => {
      const isGood = await judged.then(
        () => true,
        () => false,
      );
      if (isGood) {
        await this.#begin();
      }
    });
    const { manifest, sha256 } = await judged;
    return { version: manifest.version, sha256 };
  }

  /** The flow of the kept bundle ends again and again: the one that was kept before it runs instead, if there is one. */
  fallBack(why: string): void {
    const { house, slots, site } = this.#options;
    if (this.#busy !== null) {
      return;
    }
    this.#run(async () => {
      if (await slots.fallBack(why)) {
        this.#note(
          "bundle-rolled-back",
          `The bundle is given up: ${why}. The one before it runs again.`,
        );
        this.#runsSince = performance.now();
        await house.change(governedSite(site, slots.running), ROLLBACK_TRIES);
      }
    });
  }

  /** What runs, whether it is on trial, whether nothing else waits to be tried, and what was said last. */
  status(): object {
    const { running, trial } = this.#options.slots;
    return {
      channel: this.#options.site.bundles?.channel ?? null,
      state: this.#options.site.authoring ? "authoring" : "locked",
      version: running?.manifest.version ?? null,
      sha256: running?.sha256 ?? null,
      flowHash: running?.manifest.flowHash ?? null,
      note: running?.manifest.note ?? "",
      onTrial: trial !== null,
      isSettled: this.#busy === null && !this.#options.slots.hasIncoming,
      said: this.#said,
    };
  }

  /** Resolves when no trial is under way. */
  async settled(): Promise<void> {
    await this.#busy;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #note(notice: string, text: string): void {
    this.#said = text;
    this.#options.house.note(notice, text);
  }

  #look(): void {
    this.#meter.add(performance.now(), this.#options.house.stats("bedside"));
  }

  #run(act: () => Promise<void>): void {
    this.#busy = act()
      .catch((error: unknown) => {
        this.#note("bundle-failed", errorText(error));
      })
      .finally(() => {
        this.#busy = null;
      });
  }

  async #begin(): Promise<void> {
    const { house, slots, site, settings, stop } = this.#options;
    if (slots.running !== null) {
      // Without knowing how it was before, anything would do.
      const known = performance.now() - this.#runsSince - REPORT_LAG_MS;
      const wait = Math.max(0, settings.bundleSteadyS * 1000 - known);
      await sleep(wait, undefined, { signal: stop }).catch(() => undefined);
    }
    if (stop.aborted) {
      return;
    }
    this.#look();
    const before = this.#meter.baseline(this.#runsSince + REPORT_LAG_MS);
    const bundle = await slots.begin(slots.running === null ? null : before);
    this.#note("bundle-trial", `Bundle ${bundle.manifest.version} is tried on this gateway.`);
    const restarts = new Map(ROOMS.map((room) => [room, house.restarts(room)]));
    const changed = house.change(governedSite(site, bundle), 1);
    await this.#watch(bundle, { changed, restarts });
    if (slots.trial === null && slots.hasIncoming) {
      // Put down while this one was tried.
      await this.#begin();
    }
  }

  /** A house that cannot even start under the bundle has judged it too. */
  async #watch(bundle: Bundle, trial: RunningTrial): Promise<void> {
    const failure = await trial.changed.then(
      () => null,
      (error: unknown) => errorText(error).replace(/\.$/, ""),
    );
    const verdict: Verdict =
      failure === null
        ? await this.#verdict(bundle, trial.restarts)
        : { state: "bad", why: failure };
    const { house, slots, site, stop } = this.#options;
    if (stop.aborted) {
      // Nothing is decided: the next start goes on with the trial.
      return;
    }
    const { version } = bundle.manifest;
    if (verdict.state === "bad") {
      await slots.rollBack(verdict.why);
      this.#note(
        "bundle-rolled-back",
        `Bundle ${version} was not kept: ${verdict.why}. What ran before runs again.`,
      );
      await house.change(governedSite(site, slots.running), ROLLBACK_TRIES);
      this.#runsSince = performance.now();
    } else {
      await this.#keep(`Bundle ${version} is kept.`);
    }
  }

  /** A good bundle is kept as soon as that can be written down; until then it goes on being on trial. */
  async #keep(text: string): Promise<void> {
    const { slots, stop } = this.#options;
    while (!stop.aborted) {
      try {
        await slots.keep();
        this.#note("bundle-kept", text);
        return;
      } catch (error) {
        this.#note("bundle-failed", errorText(error));
        await sleep(KEEP_RETRY_MS, undefined, { signal: stop }).catch(() => undefined);
      }
    }
  }

  async #verdict(bundle: Bundle, restarts: RunningTrial["restarts"]): Promise<Verdict> {
    const { house, slots, settings, stop } = this.#options;
    const limits = {
      withinMs: settings.bundleHealthS * 1000,
      steadyMs: settings.bundleSteadyS * 1000,
      ratePercent: settings.bundleRatePercent,
    };
    const wanted = new Set(flowSubscriptions(bundle.flows).map(({ device }) => device));
    const before = slots.trial?.before ?? null;
    this.#runsSince = performance.now();
    const startedAt = this.#runsSince + REPORT_LAG_MS;
    let verdict: Verdict = { state: "waiting" };
    while (verdict.state === "waiting" && !stop.aborted) {
      await sleep(LOOK_MS, undefined, { signal: stop }).catch(() => undefined);
      const now = performance.now();
      const crashed =
        ROOMS.find((room) => house.restarts(room) !== (restarts.get(room) ?? 0)) ?? null;
      verdict = judgeTrial(
        {
          elapsedMs: now - startedAt,
          before,
          wanted,
          since: this.#meter.baseline(startedAt),
          lately: this.#meter.baseline(
            Math.max(startedAt, now - Math.max(limits.steadyMs, LATELY_MS_MIN)),
          ),
          crashed,
        },
        limits,
      );
    }
    return verdict;
  }
}

interface RunningTrial {
  /** Settled when the house runs under the bundle. */
  readonly changed: Promise<void>;
  /** Of every room, before it did. */
  readonly restarts: ReadonlyMap<RoomName, number>;
}

/** At the start of a gateway no room may have ended. */
const NONE_YET: RunningTrial["restarts"] = new Map();
/** Bedside's reports are of the seconds before them. */
const REPORT_LAG_MS = 3000;
/** What ran before may stumble on its way back as any other start may. */
const ROLLBACK_TRIES = 4;
/** In less than this nothing can be counted. */
const LATELY_MS_MIN = 5000;
/** How far back it is remembered how devices delivered. */
const BASELINE_MS = 300_000;
const LOOK_MS = 1000;
const KEEP_RETRY_MS = 10_000;
