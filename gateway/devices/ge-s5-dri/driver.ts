import type {
  Ask,
  BadBytes,
  DeviceOptions,
  Measured,
  MeasuredWave,
  Output,
  StreamDecoder,
  StreamDriver,
} from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import { DriFrames } from "./dri-frames.ts";
import { DISPLAYED, PHYSIOLOGY_BYTES, readingsOf, TREND_60S } from "./dri-readings.ts";
import type { DriHeader } from "./dri-record.ts";
import { headerOf, MAIN_PHYSIOLOGY, MAIN_WAVE, TYPE_REQUEST } from "./dri-record.ts";
import {
  encodeValuesRequest,
  encodeWavesRequest,
  SECONDS_MAX,
  SECONDS_MIN,
  VERBS,
  WAVE_SETS,
} from "./dri-requests.ts";
import { waveOf } from "./dri-waves.ts";

/**
 * GE (Datex-Ohmeda) S/5 and the later monitors with the S/5 Computer Interface: records in frames between 7E flags. The monitor sends
 * nothing until it is asked once, then it goes on by itself. Values come in four classes of parameter groups, waveforms in
 * blocks of samples.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "ge-s5-dri",
    maker: "GE Healthcare (Datex-Ohmeda)",
    protocol: "S/5 Computer Interface, Datex-Ohmeda Record",
    lines: SERIAL_LINES,
    evidence: "A",
    mode: "active",
    source:
      "GE Healthcare, S/5 Computer Interface Specification (M1017617, 12th edition) and S/5 DRI Specification (8005313, 12th edition)",
    quietMs: 30_000,
  },
  serial: { baud: 19_200, format: "8E1", flow: "rtscts" },
  // The specification says that this interface gives no patient data (2.4, "Unsupported data").
  demographics: "none",
  verbs: VERBS,
  options: [
    {
      name: "interval",
      doc: "How often the monitor sends its values.",
      default: SECONDS_MIN,
      minimum: SECONDS_MIN,
      maximum: SECONDS_MAX,
      unit: "s",
    },
    {
      name: "waves",
      doc: "Waveforms to ask for; at 19200 bit/s a monitor sends 600 samples a second at most.",
      default: "none",
      choices: Object.keys(WAVE_SETS),
    },
  ],
  open: (options) => new DriDecoder(options),
};

/** How long after their interval values may come before they are asked for anew (milliseconds). */
const VALUES_LATE_MS = 5000;
/** Without a waveform for this long they are asked for anew: the monitor stops when its port is blocked for 2 s (milliseconds). */
const WAVES_LATE_MS = 5000;
/** Monitors ignore the level in a request, says the specification; some are known to want their own. */
const LEVELS = [0, 11, 10, 9, 8, 7] as const;

class DriDecoder implements StreamDecoder {
  readonly #frames = new DriFrames();
  readonly #seconds: number;
  readonly #waveTypes: readonly number[];
  #askValuesAt = -Infinity;
  #askWavesAt: number | null = null;
  /** Place in the list of levels that the next request uses. */
  #level = 0;
  /** No values have come since they were asked for. */
  #unanswered = false;
  /** A waveform was given, so that from now on lost bytes are a gap. */
  #given = false;
  /** Bytes were given up since the last waveform. */
  #lost = false;

  constructor({ interval, waves }: DeviceOptions) {
    this.#seconds = Math.round(typeof interval === "number" ? interval : SECONDS_MIN);
    this.#waveTypes = WAVE_SETS[String(waves)] ?? [];
  }

  push(bytes: Uint8Array, at: number): Output[] {
    const outputs: Output[] = [];
    for (const found of this.#frames.push(bytes)) {
      if (found.kind === "fault") {
        this.#lost = this.#given;
        outputs.push(found);
      } else {
        outputs.push(...this.#useRecord(found.bytes, at));
      }
    }
    return outputs;
  }

  tick(at: number): Output[] {
    if (at >= this.#askValuesAt) {
      this.#level = (this.#level + (this.#unanswered ? 1 : 0)) % LEVELS.length;
      this.#unanswered = true;
      this.#askValuesAt = at + 1000 * this.#seconds + VALUES_LATE_MS;
      return [ask("start-values", encodeValuesRequest(this.#seconds, this.#levelWord()))];
    }
    if (this.#askWavesAt !== null && at >= this.#askWavesAt) {
      this.#askWavesAt = at + WAVES_LATE_MS;
      return [ask("start-waves", encodeWavesRequest(this.#waveTypes, this.#levelWord()))];
    }
    return [];
  }

  end(): Output[] {
    return this.#frames.end();
  }

  #levelWord(): number {
    return LEVELS[this.#level] ?? 0;
  }

  #useRecord(record: DataView, at: number): Output[] {
    const header = headerOf(record);
    if (header === null) {
      return [fault(record.byteLength, "a record whose parts do not lie in it")];
    }
    switch (header.mainType) {
      case MAIN_PHYSIOLOGY:
        return this.#useValues(record, header, at);
      case MAIN_WAVE:
        return this.#useWaves(record, header, at);
      default:
        // Alarms and what only the network has: good records, of which nothing is read.
        return [];
    }
  }

  #useValues(record: DataView, header: DriHeader, at: number): Output[] {
    const readings: Measured[] = [];
    for (const subrecord of header.subrecords) {
      const { type, from, to } = subrecord;
      if (type >= DISPLAYED && type <= TREND_60S) {
        if (to - from < PHYSIOLOGY_BYTES) {
          return [fault(record.byteLength, "a record with less data than its class has")];
        }
        readings.push(...readingsOf(record, header, subrecord));
      }
      if (type === DISPLAYED) {
        this.#heardValues(at);
      }
    }
    return readings.length === 0 ? [] : [{ kind: "frame", readings, waves: [] }];
  }

  /** The monitor sends by itself; the level of the last request was right. */
  #heardValues(at: number): void {
    this.#askValuesAt = at + 1000 * this.#seconds + VALUES_LATE_MS;
    this.#unanswered = false;
    if (this.#waveTypes.length > 0) {
      this.#askWavesAt ??= at;
    }
  }

  #useWaves(record: DataView, { subrecords }: DriHeader, at: number): Output[] {
    const waves: MeasuredWave[] = [];
    for (const subrecord of subrecords) {
      const wave = subrecord.type === TYPE_REQUEST ? null : waveOf(record, subrecord, this.#lost);
      if (wave === "broken") {
        this.#lost = this.#given;
        return [fault(record.byteLength, "a record with fewer samples than it says")];
      }
      if (wave !== null) {
        waves.push(wave);
      }
    }
    if (waves.length === 0) {
      return [];
    }
    this.#lost = false;
    this.#given = true;
    this.#askWavesAt = this.#waveTypes.length === 0 ? null : at + WAVES_LATE_MS;
    return [{ kind: "frame", readings: [], waves }];
  }
}

function ask(verb: string, bytes: Uint8Array): Ask {
  return { kind: "ask", verb, bytes };
}

function fault(bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: "framing", bytes, text };
}
