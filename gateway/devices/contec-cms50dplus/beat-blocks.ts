import type { Quality } from "../../reading.ts";
import type { BadBytes, Measured, MeasuredWave, Output } from "../device.ts";
import type { ContecPacket } from "./packet.ts";
import { PACKET_BYTES, valuesOf } from "./packet.ts";

/**
 * Puts packets together to blocks: one frame with the values and all samples up to and with the next beat, 120 samples at most, so that
 * nothing is left out and not every packet becomes a take of its own. Within a block all packets have the same values. Blocks end at
 * beats and not after a number of packets: so they are the same again soon after a disturbance.
 *
 * A packet with other values than the one before waits for the next to confirm them. Values change once a second or less, so a
 * value that only one packet has is damage. Confirmed values are given at once, without waiting for their samples.
 */
export class BeatBlocks {
  /** The state that two packets had, or null before. */
  #state: number | null = null;
  #samples: number[] = [];
  #unconfirmed: ContecPacket | null = null;
  #wasBeat = false;
  /** A block was given, so that from now on lost packets are a gap. */
  #given = false;
  #gap = false;

  /** Takes the next packet. `packetsAgo` is for how many packets it has been complete. */
  add(packet: ContecPacket, packetsAgo: number, outputs: Output[]): void {
    const isNewBeat = packet.isBeat && !this.#wasBeat;
    this.#wasBeat = packet.isBeat;
    if (packet.state === this.#state) {
      this.#dropUnconfirmed(packetsAgo + 1, outputs);
      this.#samples.push(packet.pleth);
    } else if (packet.state === this.#unconfirmed?.state) {
      this.#give(packetsAgo + 2, outputs);
      this.#state = packet.state;
      this.#samples = [this.#unconfirmed.pleth, packet.pleth];
      this.#unconfirmed = null;
      outputs.push({ kind: "frame", readings: readingsOf(packet.state), waves: [] });
    } else {
      this.#dropUnconfirmed(packetsAgo + 1, outputs);
      this.#unconfirmed = packet;
      return;
    }
    if (isNewBeat || this.#samples.length >= BLOCK_SAMPLES_MAX) {
      this.#give(packetsAgo, outputs);
    }
  }

  /** Bytes were lost behind the last packet, which has been complete for `packetsAgo` packets. */
  interrupt(packetsAgo: number, outputs: Output[]): void {
    this.#dropUnconfirmed(packetsAgo, outputs);
    this.#give(packetsAgo, outputs);
    this.#gap = this.#given;
  }

  /** The stream has ended: a block without its end is given up, and so many bytes behind it. */
  end(bytesBehind: number, outputs: Output[]): void {
    const packets = this.#samples.length + (this.#unconfirmed === null ? 0 : 1);
    const bytes = packets * PACKET_BYTES + bytesBehind;
    this.#samples = [];
    this.#unconfirmed = null;
    if (bytes > 0) {
      const text = "packets after the last beat";
      outputs.push({ kind: "fault", fault: "truncated", bytes, text });
    }
  }

  #dropUnconfirmed(packetsAgo: number, outputs: Output[]): void {
    if (this.#unconfirmed !== null) {
      this.#unconfirmed = null;
      this.#give(packetsAgo + 1, outputs);
      outputs.push(unconfirmed());
      this.#gap = this.#given;
    }
  }

  #give(packetsAgo: number, outputs: Output[]): void {
    if (this.#state === null || this.#samples.length === 0) {
      return;
    }
    const { isMeasuring } = valuesOf(this.#state);
    const spanMs = (this.#samples.length + packetsAgo) * PACKET_MS;
    outputs.push({
      kind: "frame",
      readings: readingsOf(this.#state),
      waves: [waveOf(this.#samples, { isMeasuring, gap: this.#gap, spanMs })],
    });
    this.#samples = [];
    this.#given = true;
    this.#gap = false;
  }
}

/** Two seconds: the longest time between beats of a pulse of 30. */
const BLOCK_SAMPLES_MAX = 120;
const PERIOD = { ms: 1000, samples: 60 } as const;
export const PACKET_MS = PERIOD.ms / PERIOD.samples;

const SPO2 = { code: "MDC_PULS_OXIM_SAT_O2", mdc: 150456, unit: "%", path: "1.1.1" } as const;
const RATE = { code: "MDC_PULS_OXIM_PULS_RATE", mdc: 149530, unit: "/min", path: "1.1.2" } as const;
const PLETH = { code: "MDC_PULS_OXIM_PLETH", mdc: 150452, unit: "1", path: "1.1.3" } as const;

function unconfirmed(): BadBytes {
  const text = "a packet with values that the next one does not confirm";
  return { kind: "fault", fault: "framing", bytes: PACKET_BYTES, text };
}

function readingsOf(state: number): Measured[] {
  const { spo2, rate } = valuesOf(state);
  return [measured(SPO2, spo2), measured(RATE, rate)];
}

function measured(
  term: Pick<Measured, "code" | "mdc" | "unit" | "path">,
  value: number | null,
): Measured {
  return value === null
    ? { ...term, value: null, text: "", quality: ["unavailable"], deviceAt: null }
    : { ...term, value, text: String(value), quality: ["valid"], deviceAt: null };
}

interface Circumstances {
  readonly isMeasuring: boolean;
  readonly gap: boolean;
  readonly spanMs: number;
}

function waveOf(
  samples: readonly number[],
  { isMeasuring, gap, spanMs }: Circumstances,
): MeasuredWave {
  const quality: Quality = isMeasuring ? "valid" : "unavailable";
  return {
    ...PLETH,
    period: PERIOD,
    scale: 1,
    offset: 0,
    samples: isMeasuring ? samples : samples.map(() => null),
    gap,
    quality: [quality],
    spanMs,
  };
}
