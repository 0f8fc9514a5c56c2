/** Where one agent ended and the next went on, between the lines of the transcript. */

import type { ReactNode } from "react";
import { seconds } from "../call/silence";
import type { Takeover } from "../call/takeover";
import { causeWords, deedWords } from "../lib/report";
import { ReportView } from "../ui/ReportView";

export function takeoverTitle({ by, term }: Takeover): string {
  if (term !== null) return `Agent replaced, term ${term.term}`;
  return by === null ? "The agent is gone" : "The next agent is here";
}

function facts({ term, outcome }: Takeover, again: boolean): string {
  const parts = [
    term?.cause == null ? null : `the one before ${causeWords(term.cause)}`,
    outcome?.how === "heard" ? `${seconds(outcome.ms)} s of silence` : null,
    term === null ? null : deedWords(term, again),
  ];
  return parts.filter((part) => part !== null).join(" · ");
}

interface Props {
  readonly takeover: Takeover;
  /** The next agent began with the sentence that was cut. */
  readonly again: boolean;
}

export function TakeoverNote({ takeover, again }: Props): ReactNode {
  return (
    <aside className="takeover" data-testid="takeover" data-term={takeover.term?.term}>
      <span className="splice" aria-hidden="true" />
      <div className="takeover-text">
        <p><strong>{takeoverTitle(takeover)}</strong></p>
        <p className="muted small takeover-facts">{facts(takeover, again)}</p>
        {takeover.term?.report != null && <ReportView report={takeover.term.report} />}
      </div>
    </aside>
  );
}
