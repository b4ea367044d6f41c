import type { StreamSimulator } from "../devices/simulator.ts";
import type { SimulatedDevice, SimulateRequest, Simulator } from "./host.ts";
import { openOutlet } from "./outlet.ts";

/** Makes a pure stream simulator start-able on real lines. */
export function streamSimulator(simulator: StreamSimulator): Simulator {
  return {
    model: simulator.model,
    lines: ["pty", "tcp", "unix", "udp"],
    start: (request) => start(simulator, request),
  };
}

async function start(
  simulator: StreamSimulator,
  { line, seed }: SimulateRequest,
): Promise<SimulatedDevice> {
  const outlet = await openOutlet(line);
  const { model, tickMs } = simulator;
  const stream = simulator.open({ seed });
  const timer = setInterval(() => {
    for (const bytes of stream.tick(Date.now())) {
      outlet.send(bytes);
    }
  }, tickMs);
  return {
    model,
    url: outlet.url,
    unit: null,
    setFault: (name, on) => stream.fault(name, on),
    close: async () => {
      clearInterval(timer);
      await outlet.close();
    },
  };
}
