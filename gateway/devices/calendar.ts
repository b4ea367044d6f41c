/** A date and time as a device prints it. */
export interface PrintedTime {
  /** Four digits. */
  readonly year: number;
  /** 1-12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/**
 * The printed fields read as UTC, epoch milliseconds; null where they name no time, or one before 1970 (a clock that was never
 * set). Devices do not know their time zone, so this is good for telling one line of a device from another, and not for comparing devices.
 */
export function utcOf({ year, month, day, hour, minute, second }: PrintedTime): number | null {
  const isTime =
    year >= 1970 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysOf(year, month) &&
    hour < 24 &&
    minute < 60 &&
    second < 60;
  return isTime ? Date.UTC(year, month - 1, day, hour, minute, second) : null;
}

/** The year of two printed digits: 80-99 are the last century's, as no device of this kind is older. */
export function yearOf(twoDigits: number): number {
  return twoDigits < 80 ? 2000 + twoDigits : 1900 + twoDigits;
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysOf(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeap ? 29 : (DAYS[month - 1] ?? 0);
}
