export { default } from "./ward-opcua-line.ts";
