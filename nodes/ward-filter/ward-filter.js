export { default } from "./ward-filter.ts";
