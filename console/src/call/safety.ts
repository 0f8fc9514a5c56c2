/** How safe a line is: messages of the agent on topic "unbroken.safety", bound to the lines. Pure. */

import { LEVELS, type Level, type Line, type Speaker } from "./transcript";

export const SAFETY_TOPIC = "unbroken.safety";

export interface Safety {
  readonly id: string;
  readonly role: Speaker;
  readonly level: Level;
  /** The process of the assistant that says so. */
  readonly by: string;
}

export const LEVEL_WORDS: Readonly<Record<Level, { readonly short: string; readonly long: string }>> = {
  process: { short: "Process", long: "survives a crash of the assistant" },
  disk: { short: "Disk", long: "survives a power loss" },
  service: { short: "Service", long: "survives the loss of the machine" },
};

const isLevel = (value: unknown): value is Level => LEVELS.some((level) => level === value);

/** null for anything that is not version 1 of the message: other participants may send anything. */
export function parseSafety(payload: string, by: string): Safety | null {
  let json: unknown;
  try {
    json = JSON.parse(payload);
  } catch {
    return null;
  }
  if (typeof json !== "object" || json === null) return null;
  const { v, id, role, level } = json as { v?: unknown; id?: unknown; role?: unknown; level?: unknown };
  if (v !== 1 || typeof id !== "string" || id === "" || !isLevel(level)) return null;
  return role === "user" || role === "assistant" ? { id, role, level, by } : null;
}

/** Levels only grow. */
function safer(a: Level | null, b: Level): Level {
  return a !== null && LEVELS.indexOf(a) > LEVELS.indexOf(b) ? a : b;
}

const raised = (line: Line, level: Level): Line => {
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
 * process has bound before is at least as safe.
 */
export function bind(lines: readonly Line[], safety: Safety): readonly Line[] {
  const index = lineOf(lines, safety);
  const line = lines[index];
  if (line === undefined) return lines;
  const level = safer(line.level, safety.level);
  if (line.item === safety.id && line.level === level) return lines;
  const bound: Line = { ...line, item: safety.id, by: line.by ?? safety.by, level };
  const ordered = inLogOrder(lines, index);
  const place = ordered.indexOf(line);
  return ordered.map((other, i) => {
    if (i === place) return bound;
    return i < place && other.by === safety.by ? raised(other, level) : other;
  });
}
