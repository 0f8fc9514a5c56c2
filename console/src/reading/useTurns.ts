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

/** One behind the other; of two with one id the newer one, unless its beginning is in front of its page. */
export function merged(old: readonly Turn[], newer: readonly Turn[]): readonly Turn[] {
  const byId = new Map(old.map((turn) => [turn.id, turn]));
  for (const turn of newer) if (turn.user !== null || byId.get(turn.id)?.user == null) byId.set(turn.id, turn);
  return [...byId.values()];
}

/** An end that does not reach back to what is known takes its place: what is between is loaded as older. */
export function withEnd(old: Older<Turn> | null, end: Older<Turn>): Older<Turn> {
  if (old === null) return end;
  const ids = new Set(old.items.map((turn) => turn.id));
  const reaches = end.before === null || end.items.some((turn) => ids.has(turn.id));
  return reaches ? { items: merged(old.items, end.items), before: old.before } : end;
}

export interface Turns {
  readonly turns: readonly Turn[] | null;
  readonly error: unknown;
  readonly hasOlder: boolean;
  readonly isLoading: boolean;
  /** `isAll`: as many as one answer has. */
  readonly older: (isAll?: boolean) => void;
  readonly reload: () => void;
}

/** `logs`: how long they are; null while that is not known. */
export function useTurns(id: string, logs: string | null): Turns {
  const [known, setKnown] = useState<Older<Turn> | null>(null);
  const [isLoading, setLoading] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const end = useResource(id, (signal) => listTurns(id, known === null ? FIRST : END, null, signal));
  const again = end.reload;
  useEffect(() => {
    if (logs !== null) again();
  }, [logs, again]);
  const hasFailed = known !== null && end.error !== null && !end.loading;
  useEffect(() => {
    if (!hasFailed) return;
    const timer = setTimeout(again, RETRY_MS);
    return () => clearTimeout(timer);
  }, [hasFailed, again]);

  useEffect(() => {
    const { data } = end;
    if (data !== null) setKnown((old) => withEnd(old, data));
  }, [end.data]);

  const before = known?.before ?? null;
  const older = useCallback((isAll = false) => {
    if (before === null || isLoading) return;
    setLoading(true);
    listTurns(id, isAll ? MOST : FIRST, before).then(
      (page) => {
        setKnown((old) => ({ items: merged(page.items, old?.items ?? []), before: page.before }));
        setProblem(null);
      },
      setProblem,
    ).finally(() => setLoading(false));
  }, [id, before, isLoading]);

  return {
    turns: known?.items ?? null, error: problem ?? end.error, hasOlder: before !== null, isLoading, older, reload: end.reload,
  };
}
