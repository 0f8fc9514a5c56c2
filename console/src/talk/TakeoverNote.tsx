/** Where one agent ended and the next went on, between the lines of the transcript. */

import type { ReactNode } from "react";
import { seconds } from "../call/silence";
import type { Takeover } from "../call/takeover";
import { causeWords, planWords } from "../lib/report";
import { ReportView } from "../ui/ReportView";

export function takeoverTitle({ by, term }: Takeover): string {
  if (term !== null) return `Agent replaced, term ${term.term}`;
  return by === null ? "The agent is gone" : "The next agent is here";
}

function facts({ term, outcome }: Takeover): string {
  const parts = [
    term?.cause == null ? null : `the one before ${causeWords(term.cause)}`,
    outcome?.how === "heard" ? `${seconds(outcome.ms)} s of silence` : null,
    term?.plan == null ? null : `it ${planWords(term.plan)}`,
  ];
  return parts.filter((part) => part !== null).join(" · ");
}

export function TakeoverNote({ takeover }: { readonly takeover: Takeover }): ReactNode {
  return (
    <aside className="takeover" data-testid="takeover" data-term={takeover.term?.term}>
      <span className="splice" aria-hidden="true" />
      <div className="takeover-text">
        <p><strong>{takeoverTitle(takeover)}</strong></p>
        <p className="muted small takeover-facts">{facts(takeover)}</p>
        {takeover.term?.report != null && <ReportView report={takeover.term.report} />}
      </div>
    </aside>
  );
}
