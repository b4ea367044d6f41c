import { cpus, loadavg, release, totalmem } from "node:os";

/** Where and when it was measured. */
export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** Load average of the last minute when the measurement began: what others did on this machine. */
  readonly loadAtStart: number;
}

/** This machine at this moment. */
export function thisMachine(): Machine {
  const [first] = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: first?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release().replace(/-.*$/, ""),
    node: process.versions.node,
    loadAtStart: loadavg()[0] ?? 0,
  };
}

/** One line about the machine. */
export function machineText(machine: Machine): string {
  const { date, cpu, cores, memoryGb, kernel, node, loadAtStart } = machine;
  return `${date}, ${cpu}, ${cores} cores, ${memoryGb} GB, Linux ${kernel}, Node.js ${node}, load average ${loadAtStart.toFixed(1)} at the start`;
}
