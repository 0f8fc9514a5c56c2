/** What was said, turn by turn, as a feed; of a long conversation only the turns near the reader are drawn. */

import { type ReactNode, useMemo } from "react";
import type { Call, Turn } from "../api/types";
import { longest } from "../lib/delays";
import type { Goal } from "./goal";
import { Separator } from "./Separator";
import { byTurn, type Taken } from "./takeovers";
import { TurnRow } from "./TurnRow";
import { TurnView } from "./TurnView";
import { useFollow } from "./useFollow";
import { useGoal } from "./useGoal";
import { useRows } from "./useRows";
import type { Turns } from "./useTurns";

const NONE: readonly Taken[] = [];

interface Props {
  readonly said: Turns;
  readonly turns: readonly Turn[];
  readonly takeovers: readonly Taken[];
  readonly calls: readonly Call[];
  readonly now: number;
  readonly isWhole: boolean;
  readonly goal: Goal | null;
}

export function TurnList({ said, turns, takeovers, calls, now, isWhole, goal }: Props): ReactNode {
  const ids = useMemo(() => turns.map((turn) => turn.id), [turns]);
  const notes = useMemo(() => byTurn(turns, takeovers), [turns, takeovers]);
  const scale = useMemo(() => longest(turns), [turns]);
  const named = useMemo(() => hasSeveralSpeakers(turns), [turns]);
  const rows = useRows(ids, isWhole);
  useGoal(goal, { ...said, turns, takeovers: notes }, rows);
  useFollow(rows.list);
  return (
    <div ref={rows.list} className="turn-list" role="feed" aria-label="Turns" aria-busy={said.isLoading} data-way={rows.way} style={rows.style}>
      {rows.drawn.map((row) => {
        const turn = turns[row.index];
        return turn !== undefined && (
          <TurnRow key={turn.id} turn={turn} row={row} of={said.hasOlder ? null : turns.length}>
            <Separator turn={turn} before={turns[row.index - 1]} calls={calls} now={now} />
            <TurnView turn={turn} scale={scale} named={named} takeovers={notes.get(turn.id) ?? NONE} found={goal?.id ?? null} />
          </TurnRow>
        );
      })}
    </div>
  );
}

function hasSeveralSpeakers(turns: readonly Turn[]): boolean {
  return new Set(turns.map((turn) => turn.user?.speaker).filter((speaker) => speaker != null)).size > 1;
}
