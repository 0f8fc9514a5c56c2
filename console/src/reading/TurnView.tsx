/** One turn: what the person said, which tools ran, what the assistant said, and how long it took. */

import { Fragment, memo, type ReactNode } from "react";
import type { Turn } from "../api/types";
import { DelayBar } from "./DelayBar";
import { takeoverId } from "./goal";
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
  /** The line to which the reader was led, here or elsewhere. */
  readonly found: string | null;
}

/** Drawn again only when something of it has changed: there may be thousands. */
export const TurnView = memo(function TurnView({ turn, scale, named, takeovers, found }: Props): ReactNode {
  const said = turn.assistant;
  const between = (n: number): ReactNode => takeovers.filter((term) => placeOf(term, said) === n)
    .map((term) => <Takeover key={takeoverId(term.sessionId, term)} term={term} again={isSaidAgain(term, said)} found={found} />);
  return (
    <div className="turn" data-testid="turn">
      {turn.user !== null && <Spoken message={turn.user} named={named} found={found} />}
      {turn.tools.map((tool, index) => <ToolCall key={`${tool.name}-${index}`} tool={tool} id={`${turn.id} ${index}`} />)}
      {said.map((message, n) => (
        <Fragment key={message.id}>{between(n)}<Spoken message={message} named={named} found={found} /></Fragment>
      ))}
      {between(said.length)}
      <DelayBar delays={turn.delays} scale={scale} />
    </div>
  );
});
