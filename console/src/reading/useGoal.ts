/** A reader is led to a line: older turns are loaded until it is there, then it is shown. */

import { useLayoutEffect, useRef } from "react";
import type { Turn } from "../api/types";
import { type Goal, indexOf } from "./goal";
import type { Taken } from "./takeovers";
import type { Rows } from "./useRows";
import type { Turns } from "./useTurns";

interface Said extends Turns {
  readonly turns: readonly Turn[];
  readonly takeovers: ReadonlyMap<string, readonly Taken[]>;
}

function isSeen(line: Element): boolean {
  const { top, bottom } = line.getBoundingClientRect();
  const middle = (top + bottom) / 2;
  return middle > 0 && middle < window.innerHeight;
}

/** Goes there once, and no further than to where loading fails; the reader is free to leave. */
export function useGoal(goal: Goal | null, { turns, takeovers, hasOlder, isLoading, older, error }: Said, rows: Rows): void {
  const reached = useRef<Goal | null>(null);
  // A row is drawn only when it is near, and its height is known only then: each drawing brings the line nearer.
  useLayoutEffect(() => {
    if (goal === null || goal === reached.current) return;
    const index = indexOf(goal, turns, takeovers);
    const line = rows.list.current?.querySelector(`[data-line="${CSS.escape(goal.id)}"]`) ?? null;
    if (line !== null && isSeen(line)) reached.current = goal;
    else if (line !== null) {
      rows.rest();
      line.scrollIntoView({ block: "center" });
    } else if (index >= 0) rows.show(index);
    else if (hasOlder && !isLoading && error === null) older();
  });
}
