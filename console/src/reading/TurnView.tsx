/** One turn: what the person said, which tools ran, what the assistant said, and how long it took. */

import { Fragment, type ReactNode } from "react";
import type { Term, Turn } from "../api/types";
import { DelayBar } from "./DelayBar";
import { Spoken } from "./Spoken";
import { Takeover } from "./Takeover";
import { placeOf } from "./takeovers";
import { ToolCall } from "./ToolCall";

interface Props {
  readonly turn: Turn;
  /** Milliseconds that fill a bar. */
  readonly scale: number;
  readonly named: boolean;
  /** In it, or behind it and before the next one. */
  readonly takeovers: readonly Term[];
}

export function TurnView({ turn, scale, named, takeovers }: Props): ReactNode {
  const said = turn.assistant;
  const behind = (n: number): readonly Term[] => takeovers.filter((term) => placeOf(term, said) === n);
  const between = (n: number): ReactNode => behind(n).map((term) => <Takeover key={`${term.term}-${term.takenAt}`} term={term} />);
  return (
    <article className="turn" data-testid="turn">
      {turn.user !== null && <Spoken message={turn.user} named={named} />}
      {turn.tools.map((tool, index) => <ToolCall key={`${tool.name}-${index}`} tool={tool} />)}
      {said.map((message, n) => (
        <Fragment key={message.id}>{between(n)}<Spoken message={message} named={named} killed={message.interrupted && behind(n + 1).length > 0} /></Fragment>
      ))}
      {between(said.length)}
      <DelayBar delays={turn.delays} scale={scale} />
    </article>
  );
}
