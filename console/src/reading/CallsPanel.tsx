/** The calls of a conversation, and in each the sessions: which agent, in which phase and term. */

import type { ReactNode } from "react";
import type { Call, Session } from "../api/types";
import { count, day, length, minute } from "../lib/format";
import { spaced } from "../lib/report";
import { Time } from "../ui/Time";
import { Terms } from "./Terms";

const PHASES: Readonly<Record<string, string>> = {
  live: "live",
  offered: "offered to the next agent",
  orphaned: "waiting for a new agent",
  ended: "ended",
};

/** The service's own: what applications have saved in the room, without an agent that is ours. */
const isSaved = ({ role }: Session): boolean => role === "saved";

/** Without the wait for people who have left; of what was only saved nobody knows whether it runs. */
function talkTime({ startedAt, endedAt, leftAt, sessions }: Call): string {
  const end = leftAt ?? endedAt;
  if (end !== null) return length(end - startedAt);
  return sessions.length > 0 && sessions.every(isSaved) ? "saved only" : "running";
}

function phaseWords({ phase }: Session, hasLeft: boolean): string {
  return phase === "orphaned" && hasLeft ? "waiting for the caller" : (PHASES[phase] ?? phase);
}

export function CallsPanel({ calls, now }: { readonly calls: readonly Call[]; readonly now: number }): ReactNode {
  return (
    <section className="card" aria-labelledby="calls-title">
      <h2 id="calls-title">Calls</h2>
      {calls.length === 0 && <p className="muted">No call yet.</p>}
      <ol className="calls">
        {calls.map((call) => (
          <li key={call.id}>
            <div className="call-head">
              <strong><Time at={call.startedAt}>{day(call.startedAt, now)}</Time></strong>
              <span className="muted" data-testid="call-length">{talkTime(call)}</span>
            </div>
            <p className="muted small"><span className="mono">{call.roomName}</span>{call.endReason !== null && ` · ${spaced(call.endReason)}`}</p>
            {call.keptUntil !== null && <p className="small" data-testid="kept">{`The caller left; kept open until ${minute(call.keptUntil)}.`}</p>}
            {call.sessions.map((session) => <SessionView key={session.id} session={session} hasLeft={call.leftAt !== null} />)}
          </li>
        ))}
      </ol>
    </section>
  );
}

function SessionView({ session, hasLeft }: { readonly session: Session; readonly hasLeft: boolean }): ReactNode {
  if (isSaved(session)) return <p className="muted small session">{`Saved by an application · ${count(session.lastSeq, "entry", "entries")}`}</p>;
  return (
    <div className="session" data-phase={session.phase}>
      <div className="call-head">
        <span>{session.agentName ?? session.role}</span>
        <span className="phase" data-phase={hasLeft ? "ended" : session.phase}>{phaseWords(session, hasLeft)}</span>
      </div>
      <p className="muted small">
        {count(session.lastSeq, "entry", "entries")}
        {session.endReason !== null && ` · ${spaced(session.endReason)}`}
      </p>
      <Terms session={session} />
    </div>
  );
}
