/** The terms of a session: which process of the agent had it when, and how each got it from the one before. */

import { type ReactNode, useContext } from "react";
import { getSession } from "../api/api";
import type { Session, SessionDetail, Term } from "../api/types";
import { clock } from "../lib/format";
import { useResource } from "../lib/useResource";
import { ReportView } from "../ui/ReportView";
import { Time } from "../ui/Time";
import { GoTo, takeoverId } from "./goal";
import { termFacts } from "./Takeover";

const POLL_MS = 1500;

/** A first term has no story, so it needs no question to the service. */
const firstOf = ({ term, agentIdentity, openedAt }: Session): Term => (
  { term, agentIdentity, takenAt: openedAt, cause: null, gapMs: null, plan: null, report: null }
);

function isBehind(session: Session, { terms }: SessionDetail): boolean {
  const last = terms.at(-1);
  if (last === undefined || last.term < session.term) return true;
  return session.phase === "live" && last.term > 1 && last.report === null;
}

export function Terms({ session }: { readonly session: Session }): ReactNode {
  return (
    <>
      {session.degraded !== null && <p className="small" role="status">{`Kept less safely than usual: ${session.degraded}`}</p>}
      {session.term > 1 ? <TakenTerms session={session} /> : <ol className="terms"><TermView term={firstOf(session)} sessionId={session.id} /></ol>}
    </>
  );
}

function TakenTerms({ session }: { readonly session: Session }): ReactNode {
  const detail = useResource(session.id, (signal) => getSession(session.id, signal),
    (data) => (data !== null && isBehind(session, data) ? POLL_MS : null));
  if (detail.data === null) {
    if (detail.error === null) return <p className="muted small" role="status">Loading {session.term} terms</p>;
    return (
      <p className="small" data-testid="error">
        {detail.error instanceof Error && detail.error.message}{" "}
        <button type="button" className="button small" onClick={detail.reload}>Try again</button>
      </p>
    );
  }
  return <ol className="terms">{detail.data.terms.map((term) => <TermView key={term.term} term={term} sessionId={session.id} />)}</ol>;
}

function TermView({ term, sessionId }: { readonly term: Term; readonly sessionId: string }): ReactNode {
  const goTo = useContext(GoTo);
  const facts = termFacts(term);
  return (
    <li data-testid="term" data-term={term.term}>
      <div className="term-head">
        <strong>{`Term ${term.term}`}</strong>
        <span className="muted small"><Time at={term.takenAt}>{clock(term.takenAt)}</Time></span>
      </div>
      {term.agentIdentity !== null && <p className="muted small mono">{term.agentIdentity}</p>}
      {facts !== "" && <p className="small term-facts">{facts}</p>}
      {term.term > 1 && <button type="button" className="link small" onClick={() => goTo(takeoverId(sessionId, term))}>Show it in what was said</button>}
      {term.report !== null && <ReportView report={term.report} />}
    </li>
  );
}
