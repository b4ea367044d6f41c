export { default } from "./ward-board.ts";
