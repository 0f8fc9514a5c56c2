/** The assistant's state and voice. */

import { lazy, type ReactNode, Suspense } from "react";
import { agentState, type CallSnapshot } from "../call/snapshot";
import { length } from "../lib/format";
import { useMedia } from "../lib/theme";
import { useNow } from "../ui/useNow";

const Voice = lazy(() => import("./Voice"));

export function Stage({ call }: { readonly call: CallSnapshot }): ReactNode {
  const { state, words } = agentState(call);
  const still = useMedia("(prefers-reduced-motion: reduce)");
  const now = useNow(1000);
  const track = call.agent.track;
  return (
    <section className="stage" aria-label="Assistant">
      <div className="voice-box" aria-hidden="true">
        {still || track === null
          ? <div className="voice-still" data-look={state} />
          : <Suspense fallback={<div className="voice-still" data-look={state} />}><Voice track={track} state={state} /></Suspense>}
      </div>
      <p className="agent-state" data-testid="agent-state" data-state={state}>{words}</p>
      <p className="muted small stage-facts">
        {call.startedAt !== null && <span>{length(now - call.startedAt)}</span>}
        {call.roomName !== null && <span className="mono">{call.roomName}</span>}
      </p>
    </section>
  );
}
