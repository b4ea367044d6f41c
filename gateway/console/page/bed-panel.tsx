import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { seriesOf } from "./feed.ts";
import { labelOf } from "./labels.ts";
import { isGerman, texts, useShared } from "./shared.tsx";
import { Sparkline, Wave } from "./sparkline.tsx";
import { readingsOf, Value } from "./value.tsx";

/** All of one bed, over the board; waveforms only when somebody asks for them. */
export function BedPanel({ bed, close }: { bed: string; close: () => void }): VNode {
  const { me, feed } = useShared();
  const dialog = useRef<HTMLDialogElement>(null);
  const [device, setDevice] = useState("");
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  useEffect(() => {
    if (device === "") {
      return undefined;
    }
    feed.open(device);
    return () => feed.open();
  }, [device]);
  const now = feed.clock.now();
  const readings = readingsOf(feed.readings.values(), bed);
  const devices = [...new Set(readings.map((reading) => reading.device))];
  return (
    <dialog ref={dialog} class="panel" aria-label={bed} onClose={close}>
      <header>
        <h2>{bed}</h2>
        <button type="button" onClick={() => dialog.current?.close()}>
          {texts.close}
        </button>
      </header>
      <p class="caution">{texts.notForAlarms}</p>
      <div class="series">
        {readings.map((reading) => {
          const trend = feed.trends.get(seriesOf(reading));
          return (
            <div class="row" key={seriesOf(reading)}>
              <Value reading={reading} />
              {trend !== undefined && <Sparkline trend={trend} now={now} />}
            </div>
          );
        })}
      </div>
      {me.permissions.includes("waves") &&
        devices.map((one) => (
          <button
            key={one}
            type="button"
            aria-pressed={device === one}
            onClick={() => setDevice(device === one ? "" : one)}
          >
            {texts.waves}: {one}
          </button>
        ))}
      {device !== "" && feed.waves.size === 0 && <p>{texts.noWaves}</p>}
      {[...feed.waves.entries()].map(([series, blocks]) => (
        <figure key={series}>
          <figcaption>{labelOf(blocks[0]?.code ?? "", isGerman)}</figcaption>
          <Wave blocks={blocks} now={now} />
        </figure>
      ))}
    </dialog>
  );
}
