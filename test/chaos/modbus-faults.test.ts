import process from "node:process";

// Ten thousand faults on Modbus lines; `WARD_FAULT_SCALE=100 node --test test/chaos/modbus-faults.test.ts` for a long run.
process.env["WARD_FAULT_SCALE"] ??= "1";
await import("../gateway/lines/modbus-faults.test.ts");
