export { default } from "./ward-outbox.ts";
