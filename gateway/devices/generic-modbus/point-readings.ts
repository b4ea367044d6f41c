import type { Measured } from "../device.ts";
import type { MapPoint, PointValue } from "./map-point.ts";
import type { Raw } from "../raw-value.ts";
import { readRaw } from "../raw-value.ts";

/** Adds the readings of one point; `words` is null when the device refused to read it. */
export function addReadings(
  readings: Measured[],
  point: MapPoint,
  words: readonly number[] | null,
): void {
  const raw =
    words === null || words.length < point.block.count ? null : readRaw(words, point.form);
  const why = words === null ? "unavailable" : whyNothing(point, raw);
  for (const value of point.values) {
    readings.push(
      raw === null || why !== null ? nothing(value, why ?? "invalid") : measure(value, raw),
    );
  }
}

/** Why a raw value is none, or null when it is one. */
function whyNothing(
  { invalid, present }: MapPoint,
  raw: Raw | null,
): "invalid" | "unavailable" | null {
  if (raw === null || (invalid.size > 0 && invalid.has(comparedText(raw)))) {
    return "invalid";
  }
  return present === "auto" && isZero(raw) ? "unavailable" : null;
}

function measure(value: PointValue, raw: Raw): Measured {
  const { code, mdc, path, unit, scale, words, bits } = value;
  const about = { code, mdc, path, unit, deviceAt: null } as const;
  if (raw.kind === "text") {
    return raw.text === ""
      ? nothing(value, "unavailable")
      : { ...about, value: raw.text, text: raw.text, quality: VALID };
  }
  if (raw.kind === "fraction") {
    const text = scale?.isOne === false ? scale.textOf(raw.text) : raw.text;
    return { ...about, value: Number(text), text, quality: VALID };
  }
  const whole = bits === null ? raw.value : bitsOf(raw.value, bits);
  if (words !== null) {
    const word = words.get(String(whole));
    return word === undefined
      ? nothing(value, "invalid")
      : { ...about, value: word, text: String(whole), quality: VALID };
  }
  const text = scale?.text(whole) ?? String(whole);
  return { ...about, value: Number(text), text, quality: VALID };
}

function nothing({ code, mdc, path, unit }: PointValue, why: "invalid" | "unavailable"): Measured {
  return { code, mdc, path, unit, deviceAt: null, value: null, text: "", quality: [why] };
}

function bitsOf(raw: number | bigint, { first, width }: { first: number; width: number }): number {
  return Math.floor(Number(raw) / 2 ** first) % 2 ** width;
}

/** A raw value as the map's list of invalid ones has it. */
function comparedText(raw: Raw): string {
  switch (raw.kind) {
    case "whole":
      return String(raw.value);
    case "fraction":
      return String(Number(raw.text));
    case "text":
      return raw.text;
  }
}

function isZero(raw: Raw): boolean {
  return raw.kind === "text"
    ? raw.text === ""
    : Number(raw.kind === "whole" ? raw.value : raw.text) === 0;
}

const VALID = ["valid"] as const;
