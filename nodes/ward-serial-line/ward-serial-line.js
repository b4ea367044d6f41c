export { default } from "./ward-serial-line.ts";
