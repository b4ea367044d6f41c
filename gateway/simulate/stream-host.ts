import type { StreamSimulator } from "../devices/simulator.ts";
import type { SimulatedDevice, SimulateRequest, Simulator } from "./host.ts";
import { openOutlet } from "./outlet.ts";

/** Makes a pure stream simulator start-able on real lines. */
export function streamSimulator(simulator: StreamSimulator): Simulator {
  return {
    model: simulator.model,
    lines: LINES,
    start: (request) => start(simulator, request),
  };
}

const LINES = ["pty", "tcp", "unix", "udp"] as const;

async function start(
  simulator: StreamSimulator,
  { line, seed }: SimulateRequest,
): Promise<SimulatedDevice> {
  const { model, tickMs } = simulator;
  const stream = simulator.open({ seed });
  const answer = stream.receive?.bind(stream);
  let send: (bytes: Uint8Array) => void = () => undefined;
  const outlet = await openOutlet(line, {
    onBytes: answer && ((bytes) => answer(bytes, Date.now()).forEach((reply) => send(reply))),
  });
  send = outlet.send;
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
