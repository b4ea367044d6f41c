export { default } from "./ward-opcua.ts";
