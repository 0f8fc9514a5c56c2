/** Where in what was said one agent ended and the next went on. */

import { getSession } from "../api/api";
import type { Message, Session, Term, Turn } from "../api/types";

/** Those of all sessions, oldest first; a first term follows nobody. */
export async function takeoversOf(sessions: readonly Session[], signal: AbortSignal): Promise<readonly Term[]> {
  const taken = sessions.filter((session) => session.term > 1);
  const details = await Promise.all(taken.map((session) => getSession(session.id, signal)));
  return details.flatMap((detail) => detail.terms.filter((term) => term.term > 1)).sort((a, b) => a.takenAt - b.takenAt);
}

/** When its first words were said. */
export const beginOf = (turn: Turn): number => Math.min(...[turn.user, ...turn.assistant].map((message) => message?.createdAt ?? Infinity));

/** For each turn those that happened in it, or behind it and before the next one. */
export function byTurn(turns: readonly Turn[], takeovers: readonly Term[]): ReadonlyMap<string, readonly Term[]> {
  const found = new Map<string, Term[]>();
  for (const term of takeovers) {
    const turn = turns.findLast((one) => beginOf(one) <= term.takenAt);
    if (turn !== undefined) found.set(turn.id, [...(found.get(turn.id) ?? []), term]);
  }
  return found;
}

/**
 * Behind how many of a turn's replies it happened: behind the one that it cut, else by time. The time of
 * a cut one says little, as the agent that came next has written it down.
 */
export function placeOf(term: Term, said: readonly Message[]): number {
  const far = (message: Message): number => Math.abs(message.createdAt - term.takenAt);
  const cut = said.filter((message) => message.interrupted).sort((a, b) => far(a) - far(b))[0];
  return cut === undefined ? said.filter((message) => message.createdAt <= term.takenAt).length : said.indexOf(cut) + 1;
}
