/** A conversation that was found: what was said, and beside it its delays and calls. */

import { type ReactNode, useCallback, useEffect, useState } from "react";
import type { ConversationDetail, Turn } from "../api/types";
import { useResource } from "../lib/useResource";
import { titleOf } from "../list/ConversationRow";
import { Notice } from "../ui/Notice";
import { useNow } from "../ui/useNow";
import { Beginning } from "./Beginning";
import { CallsPanel } from "./CallsPanel";
import { DelaysPanel } from "./DelaysPanel";
import { type Goal, GoTo } from "./goal";
import { ReadingHead } from "./ReadingHead";
import { type Taken, takeoversOf } from "./takeovers";
import { TurnList } from "./TurnList";
import { Opened } from "./useOpen";
import type { Turns } from "./useTurns";
import { useWhole } from "./useWhole";

const NO_TAKEOVERS: readonly Taken[] = [];

interface Props {
  readonly conversation: ConversationDetail;
  readonly said: Turns;
  readonly turns: readonly Turn[];
  readonly isStale: boolean;
  /** The line at which it is opened; "" for none. */
  readonly at: string;
}

export function Reading({ conversation, said, turns, isStale, at }: Props): ReactNode {
  const now = useNow(30_000);
  const title = titleOf(conversation, now);
  useEffect(() => {
    document.title = `${title} · unbroken`;
  }, [title]);
  const sessions = conversation.callList.flatMap((call) => call.sessions);
  const taken = sessions.map(({ id, term, phase }) => `${id} ${term} ${phase}`).join();
  const takeovers = useResource(taken, (signal) => takeoversOf(sessions, signal));
  const whole = useWhole(said, turns.length);
  const [goal, setGoal] = useState<Goal | null>(at === "" ? null : { id: at });
  const goTo = useCallback((id: string) => setGoal({ id }), []);
  const [opened] = useState(() => new Map<string, boolean>());
  return (
    <Opened value={opened}>
      <ReadingHead conversation={conversation} title={title} now={now} />
      {isStale && <Notice tone="warning" title="Not up to date">The service does not answer. This is what it said last.</Notice>}
      <div className="reading">
        <section className="turns" aria-label="What was said">
          <Beginning said={said} isPart={whole.isPart} onAll={whole.ask} />
          {turns.length === 0 && <p className="blank muted" data-testid="empty">Nothing was said in this conversation.</p>}
          <TurnList
            said={said} turns={turns} takeovers={takeovers.data ?? NO_TAKEOVERS} calls={conversation.callList} now={now}
            isWhole={whole.isDrawn} goal={goal}
          />
        </section>
        <aside className="reading-side">
          <DelaysPanel turns={turns} />
          <GoTo value={goTo}><CallsPanel calls={conversation.callList} now={now} /></GoTo>
        </aside>
      </div>
    </Opened>
  );
}
