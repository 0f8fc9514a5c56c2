/** One turn: what the person said, which tools ran, what the assistant said, and how long it took. */

import { Fragment, memo, type ReactNode } from "react";
import type { Turn } from "../api/types";
import { DelayBar } from "./DelayBar";
import { Spoken } from "./Spoken";
import { Takeover } from "./Takeover";
import { isSaidAgain, placeOf, type Taken } from "./takeovers";
import { ToolCall } from "./ToolCall";

interface Props {
  readonly turn: Turn;
  /** Milliseconds that fill a bar. */
  readonly scale: number;
  readonly named: boolean;
  /** In it, or behind it and before the next one. */
  readonly takeovers: readonly Taken[];
}

/** Drawn again only when something of it has changed: there may be thousands. */
export const TurnView = memo(function TurnView({ turn, scale, named, takeovers }: Props): ReactNode {
  const said = turn.assistant;
  const between = (n: number): ReactNode => takeovers.filter((term) => placeOf(term, said) === n)
    .map((term) => <Takeover key={`${term.sessionId}-${term.term}`} term={term} again={isSaidAgain(term, said)} />);
  return (
    <article className="turn" data-testid="turn">
      {turn.user !== null && <Spoken message={turn.user} named={named} />}
      {turn.tools.map((tool, index) => <ToolCall key={`${tool.name}-${index}`} tool={tool} />)}
      {said.map((message, n) => (
        <Fragment key={message.id}>{between(n)}<Spoken message={message} named={named} /></Fragment>
      ))}
      {between(said.length)}
      <DelayBar delays={turn.delays} scale={scale} />
    </article>
  );
});
