export { default } from "./ward-seal.ts";
