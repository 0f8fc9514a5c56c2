/** Times, counts and delays as people read them. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const known = new Map<string, Intl.DateTimeFormat>();

/** A format is dear to make: one of each kind is enough. */
function format(at: number, locale: string | undefined, options: Intl.DateTimeFormatOptions): string {
  const key = JSON.stringify([locale, options]);
  const made = known.get(key) ?? new Intl.DateTimeFormat(locale, options);
  known.set(key, made);
  return made.format(at);
}

export function ago(at: number, now: number, locale?: string): string {
  const past = Math.max(0, now - at);
  if (past < MINUTE) return "just now";
  if (past < HOUR) return `${Math.floor(past / MINUTE)} min ago`;
  if (past < DAY) return `${Math.floor(past / HOUR)} h ago`;
  return day(at, now, locale);
}

/** The year only when it is another one. */
export function day(at: number, now: number, locale?: string): string {
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return format(at, locale, {
    day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
    ...(sameYear ? {} : { year: "numeric" }),
  });
}

export function clock(at: number, locale?: string): string {
  return format(at, locale, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export function minute(at: number, locale?: string): string {
  return format(at, locale, { hour: "2-digit", minute: "2-digit" });
}

/** The day alone, the year only when it is another one. */
export function date(at: number, now: number, locale?: string): string {
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return format(at, locale, { weekday: "long", day: "numeric", month: "long", ...(sameYear ? {} : { year: "numeric" }) });
}

export const timeZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

export function exact(at: number, locale?: string): string {
  return format(at, locale, { dateStyle: "full", timeStyle: "long" });
}

/** 75_000 is "1:15". */
export function length(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const rest = String(s % 60).padStart(2, "0");
  if (s < 3600) return `${Math.floor(s / 60)}:${rest}`;
  return `${Math.floor(s / 3600)}:${String(Math.floor(s / 60) % 60).padStart(2, "0")}:${rest}`;
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** Below a second in ms, above in s with two digits. */
export function delay(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** JSON with indents when it is JSON, else the text itself. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
