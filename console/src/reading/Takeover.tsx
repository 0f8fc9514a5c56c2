import type { ReactNode } from "react";
import type { Term } from "../api/types";
import { clock, delay } from "../lib/format";
import { causeWords, planWords } from "../lib/report";
import { Time } from "../ui/Time";

/** What happened, as far as the service knows it: "the one before crashed · nobody for 0.70 s". */
export function termFacts(term: Term): string {
  return [
    term.cause === null || term.term < 2 ? null : `the one before ${causeWords(term.cause)}`,
    term.gapMs === null ? null : `nobody for ${delay(term.gapMs)}`,
    term.plan === null ? null : `it ${planWords(term.plan)}`,
  ].filter((fact) => fact !== null).join(" · ");
}

export function Takeover({ term }: { readonly term: Term }): ReactNode {
  return (
    <aside className="takeover-text" data-testid="takeover" data-term={term.term}>
      <p><strong>{`Agent replaced, term ${term.term}`}</strong> <span className="muted small"><Time at={term.takenAt}>{clock(term.takenAt)}</Time></span></p>
      <p className="muted small takeover-facts">{termFacts(term)}</p>
    </aside>
  );
}
