import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";

import type { Ward } from "../contract.ts";
import { timeText } from "./age.ts";
import { ask } from "./api.ts";
import { BedPanel } from "./bed-panel.tsx";
import { EmergencyForm } from "./emergency.tsx";
import { seriesOf } from "./feed.ts";
import { isKnown } from "./labels.ts";
import { texts, useShared } from "./shared.tsx";
import { Sparkline } from "./sparkline.tsx";
import { readingsOf, reasonOf, Value } from "./value.tsx";

export function Board(): VNode {
  const { me, feed } = useShared();
  const [wards, setWards] = useState<readonly Ward[]>([]);
  const [chosen, setChosen] = useState<string | null>(null);
  const [bed, setBed] = useState<string | null>(null);
  useEffect(() => {
    ask<Ward[]>("GET", "/api/wards").then(setWards, () => undefined);
  }, [me]);
  const own = wards.filter(({ ward }) => me.wards.includes(ward));
  const shown = own.find(({ ward }) => ward === chosen) ?? own[0];
  const now = feed.clock.now();
  const locked = me.permissions.includes("break-glass")
    ? wards.filter(({ ward }) => !me.wards.includes(ward)).map(({ ward }) => ward)
    : [];
  return (
    <main class="board">
      <p class="caution">{texts.notForAlarms}</p>
      {own.length > 1 && (
        <div class="wards" role="group" aria-label={texts.accountWards}>
          {own.map(({ ward }) => (
            <button
              key={ward}
              type="button"
              aria-pressed={ward === shown?.ward}
              onClick={() => setChosen(ward)}
            >
              {ward}
            </button>
          ))}
        </div>
      )}
      {me.breakGlass !== null && (
        <p class="banner">
          {texts.opened(me.breakGlass.ward, timeText(me.breakGlass.until, now, texts.language))}
        </p>
      )}
      {shown === undefined && wards.length > 0 && <p>{texts.noWards}</p>}
      <div class="tiles">
        {shown?.beds.map((name) => (
          <Tile key={name} bed={name} open={() => setBed(name)} />
        ))}
      </div>
      {locked.length > 0 && <EmergencyForm wards={locked} />}
      {bed !== null && <BedPanel bed={bed} close={() => setBed(null)} />}
    </main>
  );
}

/** A bed: what its devices last said, and how old that is. */
function Tile({ bed, open }: { bed: string; open: () => void }): VNode {
  const { feed } = useShared();
  const readings = readingsOf(feed.readings.values(), bed);
  const known = readings.filter(({ code }) => isKnown(code));
  const main = (known.length > 0 ? known : readings).slice(0, TILE_READINGS);
  const trend = main
    .map((reading) => feed.trends.get(seriesOf(reading)))
    .find((one) => one !== undefined);
  return (
    <button type="button" class="tile" onClick={open}>
      <span class="bed">{bed}</span>
      {main.length === 0 && (
        <span class="reason">{reasonOf(feed.facts, bed) || texts.bedEmpty}</span>
      )}
      <span class="values">
        {main.map((reading) => (
          <Value key={seriesOf(reading)} reading={reading} />
        ))}
      </span>
      {trend !== undefined && <Sparkline trend={trend} now={feed.clock.now()} />}
    </button>
  );
}

const TILE_READINGS = 4;
