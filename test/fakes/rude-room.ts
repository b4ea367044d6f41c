import { writeSync } from "node:fs";

/** A room process that says unusable things to main, as hostile code could by writing to the channel itself. */
const CHANNEL = Number(process.env["NODE_CHANNEL_FD"] ?? 3);
process.once("message", (message: { config?: { says?: string } }) => {
  writeSync(CHANNEL, message.config?.says ?? "null\n");
});
setInterval(() => undefined, 1000);
