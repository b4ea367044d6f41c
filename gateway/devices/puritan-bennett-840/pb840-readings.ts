import type { Measured } from "../device.ts";
import type { Quality } from "../../reading.ts";
import type { Pb840Field } from "./pb840-fields.ts";
import { EXPIRATORY_SENSITIVITY, FIELDS, HEADS, SPONTANEOUS_TYPE } from "./pb840-fields.ts";
import type { Pb840Reply } from "./pb840-reply.ts";
import { deviceTime, FIRST_FIELD } from "./pb840-reply.ts";

/** What one reply says: settings and monitored data, in the order of the manual. Fields that a ventilator does not send are left out. */
export function readingsOf({ kind, fields }: Pb840Reply): Measured[] {
  const textOf = (number: number): string | undefined => fields[number - FIRST_FIELD];
  const head = HEADS[kind];
  const deviceAt = deviceTime(textOf(head.time) ?? "", textOf(head.date) ?? "");
  return FIELDS[kind].flatMap((field) => {
    const text = textOf(field.number);
    return text === undefined ? [] : [measured(withUnit(field, textOf), text, deviceAt)];
  });
}

/** The ventilator's id, `840 3510053249`: model and serial number, or the serial number alone. */
export function serialOf({ kind, fields }: Pb840Reply): string {
  return (fields[HEADS[kind].id - FIRST_FIELD] ?? "").split(" ").at(-1) ?? "";
}

function withUnit(field: Pb840Field, textOf: (number: number) => string | undefined): Pb840Field {
  if (field.number !== EXPIRATORY_SENSITIVITY) {
    return field;
  }
  return { ...field, unit: textOf(SPONTANEOUS_TYPE) === "PA" ? "L/min" : "%" };
}

function measured(field: Pb840Field, text: string, deviceAt: number | null): Measured {
  const { number, code, mdc, unit, isWord } = field;
  const term = { code, mdc, unit, path: `1.1.${number}`, deviceAt };
  if (text === "") {
    return { ...term, value: null, text, quality: ["unavailable"] };
  }
  const quality: Quality[] = ["valid"];
  if (isWord || text === OFF) {
    return { ...term, value: text, text, quality };
  }
  return NUMBER.test(text)
    ? { ...term, value: Number(text), text, quality }
    : { ...term, value: null, text: "", quality: ["invalid"] };
}

const NUMBER = /^-?\d{1,5}(?:\.\d{1,4})?$/;
/** What the ventilator writes where a setting is switched off. */
const OFF = "OFF";
