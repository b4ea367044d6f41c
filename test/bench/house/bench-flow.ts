/** One device of the bench's flow. */
export interface BenchDevice {
  readonly device: string;
  readonly line: string;
  readonly model: string;
  readonly options?: Readonly<Record<string, string>>;
}

/** How a bench's flow ends. */
export interface FlowEnd {
  /** How long the seal gathers (milliseconds); in the flow that ships it is 100. */
  readonly windowMs: number;
  /** Readings are withheld by a filter rather than sealed: nothing of them is kept. */
  readonly isEmpty: boolean;
}

/**
 * The shortest flow that is still whole: source, check, seal, outbox, for all devices one tab. There is no filter, so that every
 * reading travels, but for the one in front of an empty sink, which lets none through.
 */
export function benchFlow(
  devices: readonly BenchDevice[],
  { windowMs, isEmpty }: FlowEnd,
): Record<string, unknown>[] {
  const z = "bench";
  const node = (id: string, type: string, wires: readonly string[], fields: object = {}) => ({
    id,
    z,
    type,
    name: "",
    x: 0,
    y: 0,
    wires: [wires],
    ...fields,
  });
  return [
    { id: z, type: "tab", label: "Bench", disabled: false, info: "", env: [] },
    ...devices.flatMap(({ device, line, model, options = {} }, place) => [
      { id: `line-${place}`, type: "ward-serial-line", name: "", url: line },
      node(`source-${place}`, "ward-serial", ["check"], {
        device,
        model,
        line: `line-${place}`,
        options: Object.entries(options).map(([name, value]) => ({ name, value })),
      }),
    ]),
    node("check", "ward-check", [], {
      allowDemo: false,
      wires: [[isEmpty ? "filter" : "seal"], []],
    }),
    ...(isEmpty ? [node("filter", "ward-filter", ["seal"], WITHHOLD_ALL)] : []),
    node("notices", "ward-notices", ["seal"]),
    node("seal", "ward-seal", ["outbox"], { windowMs: String(windowMs), itemsMax: "5000" }),
    node("outbox", "ward-outbox", [], { wires: [] }),
  ];
}

/** After the first reading of each series, no value is news. */
const WITHHOLD_ALL = { deadBand: "absolute", size: "1000000", heartbeatMs: "3600000" };
