export { default } from "./ward-modbus-line.ts";
