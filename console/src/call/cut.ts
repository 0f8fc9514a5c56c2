/** Half a sentence: what was heard of it, and what was not. Pure. */

import type { Message } from "../api/types";
import { type Line, lineText } from "./transcript";

const words = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word !== "");
const plain = (text: string): string => words(text.toLowerCase()).join(" ");

/** One of them begins as the other: the text runs a little before the sound, or behind it. */
function isBeginning(line: Line, heard: string): boolean {
  const [a, b] = [plain(lineText(line)), plain(heard)];
  return b !== "" && (a.startsWith(b) || b.startsWith(a));
}

function cutLine(lines: readonly Line[], message: Message): Line | undefined {
  const cut = lines.filter((line) => line.cut && !line.earlier && line.role === "assistant");
  return cut.find((line) => line.item === message.id && isBeginning(line, message.content))
    ?? cut.findLast((line) => line.item === null && isBeginning(line, message.content));
}

/**
 * Gives lines that were cut the item that the log has of them, and what of it was heard. The item is
 * written by the agent that came next, so another line of that agent may have been taken for it.
 */
export function withHeard(lines: readonly Line[], messages: readonly Message[]): readonly Line[] {
  return messages.filter((message) => message.interrupted && message.role === "assistant").reduce((all, message) => {
    const cut = cutLine(all, message);
    if (cut === undefined) return all;
    return all.map((line): Line => {
      if (line === cut) return { ...line, item: message.id, level: "service", heardMs: message.heardMs, heard: message.content };
      return line.item === message.id ? { ...line, item: null, level: null, by: null } : line;
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
