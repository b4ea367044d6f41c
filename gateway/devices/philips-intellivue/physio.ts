import { termOfCode } from "../../nomenclature/nomenclature.ts";
import { PHYSIO_NAMES } from "./physio-names.ts";

/** What a value is called: the reference id of a verified IEEE term with its code, or a private name. */
export interface PhysioCode {
  readonly code: string;
  readonly mdc: number | null;
}

/** The code of a measured value. Numbers of Philips' own range are never taken for IEEE ones. */
export function physioCode(physio: number): PhysioCode {
  let known = codes.get(physio);
  if (known === undefined) {
    const mdc = PARTITION_PHYSIO * 0x1_00_00 + physio;
    const refId = physio < PRIVATE_FROM ? (termOfCode(mdc)?.refId ?? null) : null;
    known =
      refId === null ? { code: `PHILIPS_${nameOf(physio)}`, mdc: null } : { code: refId, mdc };
    codes.set(physio, known);
  }
  return known;
}

/** The code of a setting or an alarm limit: it has the number of what it limits, but is no measurement of it. */
export function settingCode(physio: number): PhysioCode {
  return { code: `PHILIPS_SETTING_${nameOf(physio).replace(/^SETT_/, "")}`, mdc: null };
}

const PARTITION_PHYSIO = 2;
const PRIVATE_FROM = 0xf0_00;

/** Codes looked up so far: at most one for each of the 65,536 numbers. */
const codes = new Map<number, PhysioCode>();

const names = new Map<number, string>();
for (const [, number = "", name = ""] of PHYSIO_NAMES.matchAll(/([0-9a-f]{4}) (\w+)/g)) {
  names.set(Number.parseInt(number, 16), name);
}

function nameOf(physio: number): string {
  return names.get(physio) ?? `PHYSIO_${physio}`;
}
