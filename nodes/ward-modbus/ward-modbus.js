export { default } from "./ward-modbus.ts";
