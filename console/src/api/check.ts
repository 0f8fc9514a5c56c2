/** Narrow run-time checks of JSON: each returns the value in its type or throws BadAnswer. */

export class BadAnswer extends Error {
  override readonly name = "BadAnswer";
  constructor(readonly where: string, wanted: string) {
    super(`The service answered something unexpected: ${where} is not ${wanted}.`);
  }
}

export type Fields = Readonly<Record<string, unknown>>;

export function fields(value: unknown, where: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new BadAnswer(where, "an object");
  return value as Fields;
}

export function text(value: unknown, where: string): string {
  if (typeof value !== "string") throw new BadAnswer(where, "a text");
  return value;
}

export function number(value: unknown, where: string): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new BadAnswer(where, "a number");
  return value;
}

export function flag(value: unknown, where: string): boolean {
  if (typeof value !== "boolean") throw new BadAnswer(where, "true or false");
  return value;
}

/** An ISO 8601 time as milliseconds since 1970. */
export function time(value: unknown, where: string): number {
  const ms = Date.parse(text(value, where));
  if (Number.isNaN(ms)) throw new BadAnswer(where, "a time");
  return ms;
}

export function list<T>(value: unknown, where: string, each: (item: unknown, where: string) => T): readonly T[] {
  if (!Array.isArray(value)) throw new BadAnswer(where, "a list");
  return value.map((item: unknown, i) => each(item, `${where}[${i}]`));
}

/** null and an absent field are the same to the page. */
export function maybe<T>(value: unknown, where: string, one: (value: unknown, where: string) => T): T | null {
  return value === null || value === undefined ? null : one(value, where);
}

/** A text as it is, anything else as JSON: tool arguments and outputs may be either. */
export function printed(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
