import type {
  BoardEvent,
  BoardReading,
  BoardTrend,
  BoardWave,
  FactsEvent,
  WavesEvent,
} from "../contract.ts";
import { GatewayClock } from "./age.ts";

/** What the gateway streams, as it is now. Calls `changed` whenever something is new. */
export class Feed {
  readonly clock: GatewayClock = new GatewayClock(() => performance.now());
  readonly readings = new Map<string, BoardReading>();
  readonly trends = new Map<string, BoardTrend>();
  /** The last seconds of each waveform of the device that is looked at. */
  readonly waves = new Map<string, BoardWave[]>();
  facts: FactsEvent | null = null;
  /** Since when (browser's clock) nothing was heard; null while connected. */
  lostAt: number | null = null;
  readonly #changed: () => void;
  /** The session has ended. */
  readonly #ended: () => void;
  #source: EventSource | null = null;
  #device = "";

  constructor(changed: () => void, ended: () => void) {
    this.#changed = changed;
    this.#ended = ended;
  }

  /** Begins to listen; with a device also to its waveforms. */
  open(device = ""): void {
    this.#source?.close();
    this.#device = device;
    this.waves.clear();
    const query = device === "" ? "" : `?waves=${encodeURIComponent(device)}`;
    const source = new EventSource(`/api/events${query}`);
    this.#source = source;
    source.addEventListener("open", () => this.#heard());
    source.addEventListener("error", () => {
      this.lostAt ??= Date.now();
      this.#changed();
      // A browser gives up for good when it is answered with an error.
      if (source.readyState === EventSource.CLOSED && source === this.#source) {
        setTimeout(() => {
          if (source === this.#source) {
            this.#ended();
            this.open(this.#device);
          }
        }, RETRY_MS);
      }
    });
    source.addEventListener("end", () => {
      source.close();
      this.#ended();
    });
    source.addEventListener("board", ({ data }) => this.#board(JSON.parse(data)));
    source.addEventListener("waves", ({ data }) => this.#wave(JSON.parse(data)));
    source.addEventListener("facts", ({ data }) => {
      const facts: FactsEvent = JSON.parse(data);
      this.facts = facts;
      this.clock.told(facts.at);
      this.#heard();
    });
  }

  close(): void {
    this.#source?.close();
    this.#source = null;
  }

  #board({ at, full, readings, trends }: BoardEvent): void {
    if (full) {
      this.readings.clear();
      this.trends.clear();
    }
    readings.forEach((reading) => this.readings.set(seriesOf(reading), reading));
    trends.forEach((trend) => this.trends.set(seriesOf(trend), trend));
    this.clock.told(at);
    this.#heard();
  }

  #wave({ waves }: WavesEvent): void {
    for (const wave of waves) {
      const series = seriesOf(wave);
      const kept = (this.waves.get(series) ?? []).filter(
        ({ at }) => wave.at - at < WAVE_MS && at < wave.at,
      );
      this.waves.set(series, [...kept, wave]);
    }
    this.#heard();
  }

  #heard(): void {
    this.lostAt = null;
    this.#changed();
  }
}

const RETRY_MS = 3000;
/** How much of a waveform is shown. */
const WAVE_MS = 8000;

export function seriesOf({
  device,
  code,
  path,
}: {
  readonly device: string;
  readonly code: string;
  readonly path: string;
}): string {
  return `${device} ${code} ${path}`;
}
