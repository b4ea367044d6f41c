import { count } from "../figures.ts";
import type { BacklogResult } from "./backlog-bench.ts";

/** One line of the picture: its figure for each result, the scale it is drawn on, and its look. */
interface Line {
  readonly label: string;
  readonly unit: string;
  readonly of: (result: BacklogResult) => number;
  readonly dash: string;
  readonly class: string;
}

const WIDTH = 720;
const HEIGHT = 360;
const LEFT = 70;
const RIGHT = 70;
const TOP = 40;
const BOTTOM = 50;

/** Told apart by dashes and by words at their ends, not by colour alone. */
const RATES: readonly Line[] = [
  { label: "stored", unit: "/s", of: (r) => r.filledPerSecond, dash: "", class: "a" },
  { label: "drained", unit: "/s", of: (r) => r.drainedPerSecond, dash: "7 4", class: "b" },
];
const MEMORY: Line = {
  label: "memory",
  unit: " MB",
  of: (r) => r.memoryMb,
  dash: "2 4",
  class: "c",
};

/** A picture (SVG) of rates and memory by the size of a backlog, for light and dark pages. */
export function curve(results: readonly BacklogResult[]): string {
  const sizes = results.map(({ readings }) => Math.log10(readings));
  const [first, last] = [Math.min(...sizes), Math.max(...sizes)];
  const x = ({ readings }: BacklogResult): number =>
    LEFT + ((WIDTH - LEFT - RIGHT) * (Math.log10(readings) - first)) / Math.max(1e-9, last - first);
  const topRate = roundUp(Math.max(...results.flatMap((r) => RATES.map(({ of }) => of(r)))));
  const topMemory = roundUp(Math.max(...results.map(MEMORY.of)));
  const y = (value: number, top: number): number =>
    HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * value) / top;
  const drawn = [
    ...RATES.map((line) => ({ line, top: topRate })),
    { line: MEMORY, top: topMemory },
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Rates and memory by the size of a backlog">`,
    `<style>text{font:13px system-ui,sans-serif;fill:#333}.l{paint-order:stroke;stroke:#fff;stroke-width:5}.g{stroke:#ccc}path{fill:none;stroke-width:2.5}.a{stroke:#0b6e6e}.b{stroke:#a8480b}.c{stroke:#555}@media(prefers-color-scheme:dark){text{fill:#ddd}.l{stroke:#111}.g{stroke:#444}.a{stroke:#4fd0d0}.b{stroke:#ffa25e}.c{stroke:#aaa}}</style>`,
    ...[0, 0.5, 1].flatMap((part) =>
      grid(y(part * topRate, topRate), count(part * topRate), count(part * topMemory)),
    ),
    ...results.map(
      (r) =>
        `<text x="${x(r).toFixed(1)}" y="${HEIGHT - 28}" text-anchor="middle">${sizeText(r.readings)}</text>`,
    ),
    `<text x="${WIDTH / 2}" y="${HEIGHT - 8}" text-anchor="middle">readings waiting</text>`,
    `<text x="${LEFT}" y="20" text-anchor="middle">readings/s</text>`,
    `<text x="${WIDTH - RIGHT}" y="20" text-anchor="middle">MB</text>`,
    ...drawn.flatMap(({ line, top }) => [
      `<path class="${line.class}" stroke-dasharray="${line.dash}" d="M${results.map((r) => `${x(r).toFixed(1)},${y(line.of(r), top).toFixed(1)}`).join("L")}"/>`,
      ...results
        .slice(-1)
        .map(
          (r) =>
            `<text class="l" text-anchor="end" x="${(x(r) - 8).toFixed(1)}" y="${(y(line.of(r), top) - 8).toFixed(1)}">${line.label}</text>`,
        ),
    ]),
    "</svg>",
    "",
  ].join("\n");
}

function grid(y: number, left: string, right: string): string[] {
  const at = y.toFixed(1);
  const text = (y + 4).toFixed(1);
  return [
    `<line class="g" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/>`,
    `<text x="${LEFT - 8}" y="${text}" text-anchor="end">${left}</text>`,
    `<text x="${WIDTH - RIGHT + 8}" y="${text}">${right}</text>`,
  ];
}

/** The next 1, 2, 4, 6, 8 or 10 of its power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 4, 6, 8, 10].find((step) => step * power >= value) ?? 10);
}

function sizeText(readings: number): string {
  return readings >= 1e6 ? `${count(readings / 1e6)} M` : `${count(readings / 1e3)} k`;
}
