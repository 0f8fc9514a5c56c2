/** How safe a line is: messages of the agent on topic "unbroken.safety", bound to the lines. Pure. */

import { LEVELS, type Level, type Line, type Speaker } from "./transcript";

export const SAFETY_TOPIC = "unbroken.safety";

export interface Safety {
  readonly id: string;
  readonly role: Speaker;
  /** null: the line is lost. It is not in the log, and never will be. */
  readonly level: Level | null;
  /** The process of the assistant that says so. */
  readonly by: string;
}

/** What keeps the call less safe than usual, as the agent itself says; null: all is well again. */
export interface Degraded {
  readonly words: string | null;
  readonly by: string;
}

export const LOST_WORDS = "Lost: this line could not be kept";

export const LEVEL_WORDS: Readonly<Record<Level, { readonly short: string; readonly long: string }>> = {
  process: { short: "Process", long: "survives a crash of the assistant" },
  disk: { short: "Disk", long: "survives a power loss" },
  service: { short: "Service", long: "survives the loss of the machine" },
};

const isLevel = (value: unknown): value is Level => LEVELS.some((level) => level === value);

/** null for anything that is not version 1 of a message: other participants may send anything. */
export function parseSafety(payload: string, by: string): Safety | null {
  const message = parse(payload);
  if (message === null) return null;
  const { id, role, level, lost } = message;
  if (typeof id !== "string" || id === "" || !(lost === true || isLevel(level))) return null;
  if (role !== "user" && role !== "assistant") return null;
  return { id, role, level: lost !== true && isLevel(level) ? level : null, by };
}

export function parseDegraded(payload: string, by: string): Degraded | null {
  const words = parse(payload)?.["degraded"];
  return words === null || typeof words === "string" ? { words, by } : null;
}

function parse(payload: string): Readonly<Record<string, unknown>> | null {
  try {
    const json: unknown = JSON.parse(payload);
    const isMessage = typeof json === "object" && json !== null && "v" in json && json.v === 1;
    return isMessage ? (json as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}

/** Levels only grow. */
function safer(a: Level | null, b: Level): Level {
  return a !== null && LEVELS.indexOf(a) > LEVELS.indexOf(b) ? a : b;
}

const raised = (line: Line, level: Level): Line => {
  if (line.lost) return line;
  const safe = safer(line.level, level);
  return safe === line.level ? line : { ...line, level: safe };
};

function lineOf(lines: readonly Line[], safety: Safety): number {
  const index = lines.findIndex((line) => line.item === safety.id);
  return index >= 0 ? index : lines.findLastIndex((line) => line.item === null && line.role === safety.role);
}

/** True when no line of the page is that item or may become it: it was said while this page was away. */
export const isUnseen = (lines: readonly Line[], safety: Safety): boolean => lineOf(lines, safety) < 0;

/** Items are bound in the order of the log: a line that becomes one belongs behind those that are. */
function inLogOrder(lines: readonly Line[], index: number): readonly Line[] {
  const last = lines.findLastIndex((line) => line.item !== null);
  const line = lines[index];
  if (line === undefined || line.item !== null || last < index) return lines;
  return [...lines.slice(0, index), ...lines.slice(index + 1, last + 1), line, ...lines.slice(last + 1)];
}

/**
 * Raises the line of that item; an unknown item is the newest not yet bound line of its role.
 * The agent speaks of its newest item only, and its log is kept in order without gaps: what the same
 * process has bound before is at least as safe; but a line that is lost stays lost.
 */
export function bind(lines: readonly Line[], safety: Safety): readonly Line[] {
  const index = lineOf(lines, safety);
  const line = lines[index];
  if (line === undefined) return lines;
  const lost = line.lost || safety.level === null;
  const level = safety.level === null || line.lost ? null : safer(line.level, safety.level);
  if (line.item === safety.id && line.level === level && line.lost === lost) return lines;
  const bound: Line = { ...line, item: safety.id, by: line.by ?? safety.by, level, lost };
  const ordered = inLogOrder(lines, index);
  const place = ordered.indexOf(line);
  return ordered.map((other, i) => {
    if (i === place) return bound;
    return level !== null && i < place && other.by === safety.by ? raised(other, level) : other;
  });
}
