export { default } from "./ward-notices.ts";
