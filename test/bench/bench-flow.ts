/** One device of the bench's flow. */
export interface BenchDevice {
  readonly device: string;
  readonly line: string;
}

/**
 * The shortest flow that is still whole: source, check, seal, outbox, for all devices one tab. There is no filter, so that every
 * reading travels. The seal's settings are those of the flow that ships.
 */
export function benchFlow(devices: readonly BenchDevice[]): Record<string, unknown>[] {
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
    ...devices.flatMap(({ device, line }, place) => [
      { id: `line-${place}`, type: "ward-serial-line", name: "", url: line },
      node(`source-${place}`, "ward-serial", ["check"], {
        device,
        model: "masimo-ascii1",
        line: `line-${place}`,
        options: [],
      }),
    ]),
    node("check", "ward-check", ["seal"], { allowDemo: false, wires: [["seal"], []] }),
    node("notices", "ward-notices", ["seal"]),
    node("seal", "ward-seal", ["outbox"], { windowMs: "100", itemsMax: "1000" }),
    node("outbox", "ward-outbox", [], { wires: [] }),
  ];
}
