/** What the log has of the lines; of half a sentence, what was heard and what was not. Pure. */

import type { Message } from "../api/types";
import { isFinal, type Line, lineText } from "./transcript";

const words = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word !== "");
const plain = (text: string): string => words(text.toLowerCase()).join(" ");

/** One of them begins as the other: the text runs a little before the sound, or behind it. */
function isBeginning(line: Line, heard: string): boolean {
  const [a, b] = [plain(lineText(line)), plain(heard)];
  return b !== "" && (a.startsWith(b) || b.startsWith(a));
}

/** Messages and lines are both in the order of the call, so the first line that fits is the one. */
function lineOf(lines: readonly Line[], message: Message): Line | undefined {
  const known = lines.find((line) => line.item === message.id);
  const free = lines.filter((line) => line.item === null && line.role === message.role && isFinal(line));
  if (!message.interrupted) {
    return known ?? free.find((line) => plain(lineText(line)) === plain(message.content));
  }
  // Its own agent names a line into which somebody spoke; of one that it was lost in, the next agent may name another.
  const isTrusted = known !== undefined && (known.cut || message.takeover === null) && isBeginning(known, message.content);
  return isTrusted ? known : free.find((line) => isBeginning(line, message.content));
}

function logged(line: Line, { id, interrupted, heardMs, content, takeover }: Message): Line {
  const safe: Line = { ...line, item: id, level: "service" };
  return interrupted && line.role === "assistant" ? { ...safe, cut: true, killed: takeover !== null, heardMs, heard: content } : safe;
}

/**
 * Gives lines the item that the log has of them, when the agent that said them could not tell any more,
 * and to those that were cut what was heard. The item of a cut line is written by the agent that came
 * next, so another line of that agent may have been taken for it.
 */
export function asLogged(lines: readonly Line[], messages: readonly Message[]): readonly Line[] {
  return messages.reduce((all, message) => {
    const found = lineOf(all, message);
    if (found === undefined || found.earlier || (found.level === "service" && !message.interrupted)) return all;
    return all.map((line): Line => {
      if (line === found) return logged(line, message);
      return line.item === message.id ? { ...line, item: null, level: null, lost: false, by: null } : line;
    });
  }, lines);
}

export interface Halves {
  readonly heard: string;
  readonly unheard: string;
}

/** null while nobody has said what was heard. */
export function halves(line: Line): Halves | null {
  if (!line.cut || line.heard === null) return null;
  const heard = words(line.heard);
  return { heard: heard.join(" "), unheard: words(lineText(line)).slice(heard.length).join(" ") };
}
