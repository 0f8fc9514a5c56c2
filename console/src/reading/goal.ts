/** Where in what was said a reader wants to go. */

import { createContext } from "react";
import type { Term, Turn } from "../api/types";
import type { Taken } from "./takeovers";

/** A message, or a takeover; each wish is another object. */
export interface Goal {
  readonly id: string;
}

export const takeoverId = (sessionId: string, { term }: Term): string => `${sessionId} ${term}`;

/** In which of the turns it is; -1: in none of them. */
export function indexOf({ id }: Goal, turns: readonly Turn[], takeovers: ReadonlyMap<string, readonly Taken[]>): number {
  return turns.findIndex((turn) =>
    turn.user?.id === id
    || turn.assistant.some((message) => message.id === id)
    || takeovers.get(turn.id)?.some((term) => takeoverId(term.sessionId, term) === id) === true);
}

/** Says where to go, to the list that is beside. */
export const GoTo = createContext<(id: string) => void>(() => undefined);
