import assert from "node:assert/strict";
import { test } from "node:test";

import { followBundleNews } from "../../../gateway/house/bundle-news.ts";
import { until } from "../../ward/house.ts";

test("it looks at the start, now and then, and says each trouble once", async () => {
  const stop = new AbortController();
  const notices: string[] = [];
  let looks = 0;
  const following = followBundleNews({
    house: {
      stats: () => ({ bundlesAnnounced: 0 }),
      note: (notice, text) => notices.push(`${notice}: ${text}`),
    },
    fetch: async () => {
      looks += 1;
      if (looks <= 3) {
        throw new Error(looks <= 2 ? "no network" : "it is older");
      }
    },
    stop: stop.signal,
    everyMs: 20,
    spreadMs: 1,
  });
  await until("it has looked five times", () => looks >= 5);
  stop.abort();
  await following;
  assert.deepEqual(notices, ["bundle-refused: no network", "bundle-refused: it is older"]);
});
