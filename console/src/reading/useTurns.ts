/**
 * The turns of a conversation: the newest ones first, older ones when the reader comes to them. Only its
 * end is asked for again, when its logs have grown.
 */

import { useCallback, useEffect, useState } from "react";
import { listTurns } from "../api/api";
import type { Older, Turn } from "../api/types";
import { useResource } from "../lib/useResource";

const FIRST = 200; // items
const MOST = 1000; // in one answer
const END = 40;
const RETRY_MS = 2000;

type Known = Older<Turn>;

/** One behind the other; of two with one id the newer one, unless its beginning is in front of its page. */
export function merged(old: readonly Turn[], newer: readonly Turn[]): readonly Turn[] {
  const byId = new Map(old.map((turn) => [turn.id, turn]));
  for (const turn of newer) if (turn.user !== null || byId.get(turn.id)?.user == null) byId.set(turn.id, turn);
  return [...byId.values()];
}

/** Whether nothing is missing between what is known and this end. */
function reaches(known: Known, end: Known): boolean {
  const ids = new Set(known.items.map((turn) => turn.id));
  return end.before === null || end.items.some((turn) => ids.has(turn.id));
}

/** An end that does not reach back to what is known takes its place: what is between is loaded as older. */
export function withEnd(old: Known | null, end: Known): Known {
  if (old === null || !reaches(old, end)) return end;
  return { items: merged(old.items, end.items), before: old.before };
}

/** As short as it may be: longer when more was said since than a short one has. */
async function endOf(id: string, known: Known | null, signal: AbortSignal): Promise<Known> {
  const end = await listTurns(id, known === null ? FIRST : END, null, signal);
  return known === null || reaches(known, end) ? end : listTurns(id, MOST, null, signal);
}

export interface Turns {
  readonly turns: readonly Turn[] | null;
  readonly error: unknown;
  readonly hasOlder: boolean;
  readonly isLoading: boolean;
  /** Loads the page in front, if there is one and none is on its way. */
  readonly older: () => void;
  readonly reload: () => void;
}

/** `logs`: how long they are; null while that is not known. */
export function useTurns(id: string, logs: string | null): Turns {
  const [known, setKnown] = useState<Known | null>(null);
  const end = useResource(id, (signal) => endOf(id, known, signal));
  useEffect(() => {
    const { data } = end;
    if (data !== null) setKnown((old) => withEnd(old, data));
  }, [end.data]);
  useAgain(end.reload, logs, known !== null && end.error !== null && !end.loading);

  const before = known?.before ?? null;
  const [isLoading, setLoading] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const older = useCallback(() => {
    if (before === null || isLoading) return;
    setLoading(true);
    setProblem(null);
    listTurns(id, MOST, before)
      .then((page) => setKnown((old) => ({ items: merged(page.items, old?.items ?? []), before: page.before })), setProblem)
      .finally(() => setLoading(false));
  }, [id, before, isLoading]);

  return {
    turns: known?.items ?? null, error: problem ?? end.error, hasOlder: before !== null, isLoading, older, reload: end.reload,
  };
}

/** Asks for the end once for each length of the logs, and once more a while after it has failed. */
function useAgain(reload: () => void, logs: string | null, hasFailed: boolean): void {
  useEffect(() => {
    if (logs !== null) reload();
  }, [logs, reload]);
  useEffect(() => {
    if (!hasFailed) return;
    const timer = setTimeout(reload, RETRY_MS);
    return () => clearTimeout(timer);
  }, [hasFailed, reload]);
}
