/** The lines of a call: what LiveKit's text streams say, merged with what was said before. Pure. */

import type { Message } from "../api/types";

export type Speaker = "user" | "assistant";
export type Level = "process" | "disk" | "service";
export const LEVELS: readonly Level[] = ["process", "disk", "service"];

/** A piece of a line as the speech recogniser or the speaker sends it; interim until `final`. */
export interface Segment {
  readonly id: string;
  readonly text: string;
  readonly final: boolean;
}

export interface Line {
  readonly key: string;
  readonly role: Speaker;
  /** Who sent it: each process of the assistant is a participant of its own. */
  readonly from: string | null;
  readonly segments: readonly Segment[];
  readonly at: number;
  /** The item of the log that this line is; null until the agent names it. */
  readonly item: string | null;
  readonly level: Level | null;
  /** It is not in the log, and never will be. */
  readonly lost: boolean;
  /** The process of the assistant that named the item. */
  readonly by: string | null;
  /** Ended before it was said to its end. */
  readonly cut: boolean;
  readonly heardMs: number | null;
  /** Its agent was lost in it, else somebody spoke into it; null while the service has not said which. */
  readonly killed: boolean | null;
  /** The words of it that were heard, where the service knows them. */
  readonly heard: string | null;
  /** Said before this page joined. */
  readonly earlier: boolean;
}

export interface Heard {
  readonly segment: string;
  readonly role: Speaker;
  readonly from: string;
  readonly text: string;
  readonly final: boolean;
  readonly cut: boolean;
  readonly at: number;
}

export const lineText = (line: Line): string =>
  line.segments.map((segment) => segment.text.trim()).filter((text) => text !== "").join(" ");

export const isFinal = (line: Line): boolean => line.segments.every((segment) => segment.final);

function withSegment(line: Line, heard: Heard): Line {
  const segment: Segment = { id: heard.segment, text: heard.text, final: heard.final || heard.cut };
  const known = line.segments.some((old) => old.id === heard.segment);
  const segments = known
    ? line.segments.map((old) => (old.id === heard.segment ? segment : old))
    : [...line.segments, segment];
  return { ...line, segments, cut: line.cut || heard.cut };
}

/** Pieces of one user turn follow each other: they are one line until the agent has committed it. */
function continues(last: Line | undefined, heard: Heard): boolean {
  return last !== undefined && heard.role === "user" && last.role === "user" && last.item === null && !last.earlier;
}

function newLine(heard: Heard): Line {
  return {
    key: heard.segment, role: heard.role, from: heard.from, segments: [], at: heard.at, item: null, level: null, lost: false, by: null,
    cut: false, killed: null, heardMs: null, heard: null, earlier: false,
  };
}

/** A final text replaces the interim one of its segment; a late interim never replaces a final one. */
export function hear(lines: readonly Line[], heard: Heard): readonly Line[] {
  const index = lines.findIndex((line) => line.segments.some((segment) => segment.id === heard.segment));
  const known = lines[index];
  if (known !== undefined) {
    const old = known.segments.find((segment) => segment.id === heard.segment);
    if (old?.final === true && !heard.final && !heard.cut) return lines;
    return clean(lines.with(index, withSegment(known, heard)));
  }
  if (heard.text.trim() === "") return lines;
  const last = lines.at(-1);
  if (last !== undefined && continues(last, heard)) return lines.with(-1, withSegment(last, heard));
  return [...cutOff(lines, heard), withSegment(newLine(heard), heard)];
}

/** When another process of the assistant speaks, what the one before had not finished stays unfinished. */
function cutOff(lines: readonly Line[], heard: Heard): readonly Line[] {
  if (heard.role !== "assistant") return lines;
  return lines.map((line) => {
    if (line.role !== "assistant" || line.from === heard.from || isFinal(line)) return line;
    return { ...line, cut: true, segments: line.segments.map((segment) => ({ ...segment, final: true })) };
  });
}

/** A recogniser may take an interim text back by an empty final one: then there is no such line. */
function clean(lines: readonly Line[]): readonly Line[] {
  return lines.filter((line) => !isFinal(line) || lineText(line) !== "");
}

function earlierLine(message: Message): Line | null {
  if (message.role !== "user" && message.role !== "assistant") return null;
  return {
    key: message.id, role: message.role, from: null, at: message.createdAt, item: message.id, level: "service", lost: false, by: null,
    segments: [{ id: message.id, text: message.content, final: true }],
    cut: message.interrupted, killed: message.takeover !== null, heardMs: message.heardMs, heard: null, earlier: true,
  };
}

const plain = (text: string): string => text.toLowerCase().replace(/\s+/g, " ").trim();

/** Where, in `messages`, what came after the live lines begins: behind the last one that a live line is. */
function behindLive(messages: readonly Message[], live: readonly Line[]): number {
  const last = messages.findLastIndex((message) => live.some((line) => line.item === message.id));
  return last < 0 ? messages.length : last + 1;
}

/**
 * Puts what the service knows around what was heard live. A message that a live line already shows
 * (same item, or the same words not yet bound to an item) is not repeated. Order comes from the
 * service's order alone: its clock may differ from this one's.
 */
export function withHistory(lines: readonly Line[], messages: readonly Message[]): readonly Line[] {
  const live = lines.filter((line) => !line.earlier);
  const shown = (old: Line): boolean =>
    live.some((line) => line.item === old.item
      || (line.item === null && line.role === old.role && plain(lineText(line)) === plain(lineText(old))));
  const missing = (some: readonly Message[]): readonly Line[] =>
    some.map(earlierLine).filter((line) => line !== null).filter((line) => lineText(line) !== "" && !shown(line));
  const border = behindLive(messages, live);
  return [...missing(messages.slice(0, border)), ...live, ...missing(messages.slice(border))];
}
