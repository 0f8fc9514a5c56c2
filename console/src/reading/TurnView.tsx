/** One turn: what the person said, which tools ran, what the assistant said, and how long it took. */

import type { ReactNode } from "react";
import type { Turn } from "../api/types";
import { DelayBar } from "./DelayBar";
import { Spoken } from "./Spoken";
import { ToolCall } from "./ToolCall";

interface Props {
  readonly turn: Turn;
  /** Milliseconds that fill a bar. */
  readonly scale: number;
  readonly named: boolean;
}

export function TurnView({ turn, scale, named }: Props): ReactNode {
  return (
    <article className="turn" data-testid="turn">
      {turn.user !== null && <Spoken message={turn.user} named={named} />}
      {turn.tools.map((tool, index) => <ToolCall key={`${tool.name}-${index}`} tool={tool} />)}
      {turn.assistant.map((message) => <Spoken key={message.id} message={message} named={named} />)}
      <DelayBar delays={turn.delays} scale={scale} />
    </article>
  );
}
