/** Where in what was said one agent ended and the next went on. */

import { getSession } from "../api/api";
import type { Message, Session, Term, Turn } from "../api/types";
import { beginsAgain } from "../lib/report";

/** A takeover and the session in which it happened. */
export interface Taken extends Term {
  readonly sessionId: string;
}

/** Those of all sessions, oldest first; a first term follows nobody. */
export async function takeoversOf(sessions: readonly Session[], signal: AbortSignal): Promise<readonly Taken[]> {
  const taken = sessions.filter((session) => session.term > 1);
  const details = await Promise.all(taken.map((session) => getSession(session.id, signal)));
  return details.flatMap(({ id, terms }) => terms.filter((term) => term.term > 1).map((term) => ({ ...term, sessionId: id })))
    .sort((a, b) => a.takenAt - b.takenAt);
}

/** When its first words were said. */
export const beginOf = (turn: Turn): number => Math.min(...[turn.user, ...turn.assistant].map((message) => message?.createdAt ?? Infinity));

/** Its agent was lost in the middle of this message. */
const isCutBy = (term: Taken, message: Message): boolean => message.takeover === term.term && message.sessionId === term.sessionId;

/** For each turn those that happened in it, or behind it and before the next one. */
export function byTurn(turns: readonly Turn[], takeovers: readonly Taken[]): ReadonlyMap<string, readonly Taken[]> {
  const found = new Map<string, Taken[]>();
  for (const term of takeovers) {
    const turn = turns.find((one) => one.assistant.some((message) => isCutBy(term, message)))
      ?? turns.findLast((one) => beginOf(one) <= term.takenAt);
    if (turn !== undefined) found.set(turn.id, [...(found.get(turn.id) ?? []), term]);
  }
  return found;
}

/** Behind how many of a turn's replies it happened: behind the one that it cut, else by time. */
export function placeOf(term: Taken, said: readonly Message[]): number {
  const cut = said.findIndex((message) => isCutBy(term, message));
  return cut < 0 ? said.filter((message) => message.createdAt <= term.takenAt).length : cut + 1;
}

/** Whether the agent that came next began with the sentence in which the one before was lost. */
export function isSaidAgain(term: Taken, said: readonly Message[]): boolean {
  const cut = said.findIndex((message) => isCutBy(term, message));
  const [heard, next] = [said[cut], said[cut + 1]];
  return heard !== undefined && next !== undefined && beginsAgain(heard.content, next.content);
}
