export { default } from "./ward-check.ts";
