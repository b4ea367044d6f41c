import type { BadBytes, Frame, LineState } from "../devices/device.ts";
import type { DeviceSink } from "../lines/line.ts";
import type { ProbeFault, ProbeNode, ProbeReading, ProbeView, ProbeWave } from "../rooms.ts";

/** Gathers what a device gives while somebody looks at it: the latest of each reading, and how often what was refused. */
export class ProbeNotes {
  readonly sink: DeviceSink;
  readonly #shared: string | null;
  readonly #readings = new Map<string, ProbeReading>();
  readonly #waves = new Map<string, ProbeWave>();
  readonly #faults = new Map<string, ProbeFault>();
  #registers: ProbeView["registers"] = [];
  #nodes: readonly ProbeNode[] = [];
  #line: LineState = "closed";
  #text = "";
  #frames = 0;
  #serial: string | null = null;
  #changed = true;

  /** `shared` names the device of the running flow that is looked at, or null. */
  constructor(shared: string | null) {
    this.#shared = shared;
    this.sink = {
      frame: (frame) => this.#frame(frame),
      fault: (fault) => this.#fault(fault),
      state: (state, text) => this.#state(state, text),
      identity: (serial) => {
        this.#serial = serial;
        this.#changed = true;
      },
    };
  }

  /** What is new since the last call, or null when nothing is. */
  news(): ProbeView | null {
    const isNew = this.#changed;
    this.#changed = false;
    return isNew ? this.view("running", this.#text) : null;
  }

  view(state: ProbeView["state"], text: string): ProbeView {
    return {
      state,
      text,
      line: this.#line,
      shared: this.#shared,
      frames: this.#frames,
      serial: this.#serial,
      readings: [...this.#readings.values()],
      waves: [...this.#waves.values()],
      faults: [...this.#faults.values()],
      registers: this.#registers,
      nodes: this.#nodes,
    };
  }

  registers(registers: ProbeView["registers"]): void {
    this.#registers = registers;
  }

  nodes(nodes: readonly ProbeNode[]): void {
    this.#nodes = nodes.slice(0, NODES_MAX);
  }

  #frame(frame: Frame): void {
    this.#frames += 1;
    this.#changed = true;
    for (const { code, path, text, unit, value, quality } of frame.readings) {
      const shown = typeof value === "string" ? value : text;
      const reading = { code, path, text: shown.slice(0, TEXT_MAX), unit, quality };
      keep(this.#readings, `${code} ${path}`, reading, READINGS_MAX);
    }
    for (const { code, path, period } of frame.waves) {
      const samplesPerSecond = (1000 * period.samples) / period.ms;
      keep(this.#waves, `${code} ${path}`, { code, path, samplesPerSecond }, WAVES_MAX);
    }
  }

  #fault({ fault, text, bytes }: BadBytes): void {
    this.#changed = true;
    const before = this.#faults.get(fault);
    const count = (before?.count ?? 0) + 1;
    const told = {
      fault,
      text: text.slice(0, TEXT_MAX),
      count,
      bytes: (before?.bytes ?? 0) + bytes,
    };
    keep(this.#faults, fault, told, FAULTS_MAX);
  }

  #state(state: LineState, text: string): void {
    this.#line = state;
    this.#text = text.slice(0, TEXT_MAX);
    this.#changed = true;
  }
}

/** Names of readings, waveforms and faults that are remembered, at most; a device with more shows the first. */
const READINGS_MAX = 300;
const WAVES_MAX = 50;
const FAULTS_MAX = 30;
const NODES_MAX = 500;
const TEXT_MAX = 300;

function keep<Value>(map: Map<string, Value>, key: string, value: Value, most: number): void {
  if (map.has(key) || map.size < most) {
    map.set(key, value);
  }
}
