import type { Red } from "../node-red.ts";
import { defineNode } from "../red.ts";
import { readItems } from "../ward-message.ts";
import { Sealer } from "./sealer.ts";

const WINDOW_MS = { minimum: 10, maximum: 10_000, whole: true, otherwise: 100 } as const;
const WAVE_MS = { minimum: 10, maximum: 10_000, whole: true, otherwise: 1000 } as const;
const ITEMS = { minimum: 1, maximum: 5000, whole: true, otherwise: 5000 } as const;

const node: (red: Red) => void = defineNode({
  type: "ward-seal",
  start: ({ fields, services, send, status }) => {
    let batches = 0;
    const sealer = new Sealer({
      windowMs: fields.number("windowMs", WINDOW_MS),
      waveMs: fields.number("waveMs", WAVE_MS),
      itemsMax: fields.number("itemsMax", ITEMS),
      services,
      now: Date.now,
      send: (message) => {
        batches += 1;
        send({ ...message });
        status("green", "dot", { figures: `${batches} \u25a3` });
      },
    });
    status("grey", "ring", { word: "waiting" });
    return {
      input: (message) => sealer.add(readItems(message)),
      stopping: () => sealer.flush(),
      close: () => sealer.flush(),
    };
  },
});
export default node;
