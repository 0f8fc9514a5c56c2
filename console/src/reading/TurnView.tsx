/** One turn: what the person said, which tools ran, what the assistant said, and how long it took. */

import { Fragment, type ReactNode } from "react";
import type { Message, Term, Turn } from "../api/types";
import { DelayBar } from "./DelayBar";
import { Spoken } from "./Spoken";
import { Takeover } from "./Takeover";
import { ToolCall } from "./ToolCall";

interface Props {
  readonly turn: Turn;
  /** Milliseconds that fill a bar. */
  readonly scale: number;
  readonly named: boolean;
  /** In it, or behind it and before the next one. */
  readonly takeovers: readonly Term[];
}

const isBetween = (term: Term, before: Message | undefined, after: Message | undefined): boolean =>
  (before === undefined || before.createdAt <= term.takenAt) && (after === undefined || term.takenAt < after.createdAt);

export function TurnView({ turn, scale, named, takeovers }: Props): ReactNode {
  const said = turn.assistant;
  const behind = (n: number): readonly Term[] => takeovers.filter((term) => isBetween(term, said[n - 1], said[n]));
  const between = (n: number): ReactNode => behind(n)
    .map((term) => <Takeover key={`${term.term}-${term.takenAt}`} term={term} />);
  return (
    <article className="turn" data-testid="turn">
      {turn.user !== null && <Spoken message={turn.user} named={named} />}
      {turn.tools.map((tool, index) => <ToolCall key={`${tool.name}-${index}`} tool={tool} />)}
      {said.map((message, n) => (
        <Fragment key={message.id}>{between(n)}<Spoken message={message} named={named} killed={behind(n + 1).length > 0} /></Fragment>
      ))}
      {between(said.length)}
      <DelayBar delays={turn.delays} scale={scale} />
    </article>
  );
}
