/** A number with thousands apart and so many decimal places. */
export function count(value: number, places = 0): string {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  });
}

/** A ratio of two figures: "1.18", "0.013". */
export function ratio(value: number): string {
  return value < 0.1 ? value.toFixed(3) : value.toFixed(2);
}

/** "48x". */
export function times(value: number): string {
  return `${value < 10 ? value.toFixed(1) : count(value)}x`;
}

/** "97.3 %" of a part between 0 and 1. */
export function percent(part: number, places = 1): string {
  return `${(100 * part).toFixed(places)} %`;
}

/** The middle one of an odd number of values, or the upper of the two in the middle, by a figure of each. */
export function medianBy<Thing>(things: readonly Thing[], figure: (thing: Thing) => number): Thing {
  const sorted = things.toSorted((a, b) => figure(a) - figure(b));
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) {
    throw new TypeError("no things to take the middle one of");
  }
  return middle;
}
