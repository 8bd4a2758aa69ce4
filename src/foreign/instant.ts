const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?:([Zz])|([+-])(\d\d):?(\d\d))$/;
const MINUTE_US = 60_000_000;

/**
 * Microseconds since 1970 of a time such as `2026-05-16T12:00:00.000001+02:00`; undefined for any other text, and for one
 * that does not say in which zone it is.
 */
export function epochUsOf(text: string | undefined): number | undefined {
  const match = text === undefined ? null : RFC_3339.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    ...[number, number, number, number, number, number],
  ];
  const [hoursEast, minutesEast] = [Number(match[10] ?? 0), Number(match[11] ?? 0)];
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60 || hoursEast > 23 || minutesEast > 59) return undefined;
  const fraction = Number((match[7] ?? "").padEnd(6, "0").slice(0, 6));
  const east = (match[9] === "-" ? -1 : 1) * (hoursEast * 60 + minutesEast);
  return usOrNone(Date.UTC(year, month - 1, day, hour, minute, second) * 1000 + fraction - east * MINUTE_US);
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** Milliseconds as whole microseconds; undefined where that is no time. */
export function usOfMs(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : usOrNone(Math.round(ms * 1000));
}

/** The latest time that is taken for one, in microseconds since 1970: in the year 2255. */
function usOrNone(us: number): number | undefined {
  return us >= 0 && us <= Number.MAX_SAFE_INTEGER ? us : undefined;
}

/** A time as it stands on a tape, to the millisecond. */
export function isoOf(us: number): string {
  return new Date(Math.floor(us / 1000)).toISOString();
}
