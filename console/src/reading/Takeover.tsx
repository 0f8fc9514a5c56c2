import type { ReactNode } from "react";
import type { Term } from "../api/types";
import { clock, delay } from "../lib/format";
import { causeWords, deedWords } from "../lib/report";
import { Time } from "../ui/Time";
import { takeoverId } from "./goal";
import type { Taken } from "./takeovers";

/** What happened, as far as the service knows it: "the one before crashed · nobody for 0.70 s". */
export function termFacts(term: Term, again = false): string {
  return [
    term.cause === null || term.term < 2 ? null : `the one before ${causeWords(term.cause)}`,
    term.gapMs === null ? null : `nobody for ${delay(term.gapMs)}`,
    deedWords(term, again),
  ].filter((fact) => fact !== null).join(" · ");
}

interface Props {
  readonly term: Taken;
  /** The new agent began with the sentence that was cut. */
  readonly again: boolean;
  /** The line to which the reader was led. */
  readonly found: string | null;
}

export function Takeover({ term, again, found }: Props): ReactNode {
  const id = takeoverId(term.sessionId, term);
  return (
    <aside className="takeover-text" data-testid="takeover" data-term={term.term} data-line={id} data-found={id === found || undefined}>
      <p><strong>{`Agent replaced, term ${term.term}`}</strong> <span className="muted small"><Time at={term.takenAt}>{clock(term.takenAt)}</Time></span></p>
      <p className="muted small takeover-facts">{termFacts(term, again)}</p>
    </aside>
  );
}
