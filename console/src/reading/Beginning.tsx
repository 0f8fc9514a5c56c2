/** Above the turns: the way to what was said before, and to all of it at once. */

import type { ReactNode } from "react";
import { OlderTurns } from "./OlderTurns";
import type { Turns } from "./useTurns";

interface Props {
  readonly said: Turns;
  /** Not all turns are drawn. */
  readonly isPart: boolean;
  readonly onAll: () => void;
}

export function Beginning({ said, isPart, onAll }: Props): ReactNode {
  if (!said.hasOlder && !isPart) return null;
  return (
    <div className="beginning">
      {said.hasOlder && <OlderTurns said={said} />}
      {isPart && <button type="button" className="button" data-testid="all-turns" onClick={onAll}>Show all turns</button>}
    </div>
  );
}
