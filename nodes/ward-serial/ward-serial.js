export { default } from "./ward-serial.ts";
