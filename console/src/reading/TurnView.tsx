/** One turn: what the person said, which tools ran, what the assistant said, and how long it took. */

import type { ReactNode } from "react";
import type { Turn } from "../api/types";
import { DelayBar } from "./DelayBar";
import { Spoken } from "./Spoken";
import { ToolCall } from "./ToolCall";

export function TurnView({ turn, scale }: { readonly turn: Turn; readonly scale: number }): ReactNode {
  return (
    <article className="turn" data-testid="turn">
      {turn.user !== null && <Spoken message={turn.user} />}
      {turn.tools.map((tool, index) => <ToolCall key={`${tool.name}-${index}`} tool={tool} />)}
      {turn.assistant.map((message) => <Spoken key={message.id} message={message} />)}
      <DelayBar delays={turn.delays} scale={scale} />
    </article>
  );
}
