import type { ReactNode } from "react";
import type { Message } from "../api/types";
import { clock, delay } from "../lib/format";
import { Icon } from "../ui/Icon";
import { Time } from "../ui/Time";

interface Props {
  readonly message: Message;
  /** Several people spoke: say which of them. */
  readonly named: boolean;
  /** The line to which the reader was led. */
  readonly found: string | null;
}

function who({ role, speaker }: Message, named: boolean): string {
  if (role === "assistant") return "Assistant";
  if (role !== "user") return role;
  return named && speaker !== null ? speaker : "Caller";
}

function cutWords({ heardMs }: Message, isKilled: boolean): string {
  const how = `${isKilled ? "Cut off with its agent" : "Interrupted"}: only this was heard`;
  return heardMs === null ? how : `${how}, ${delay(heardMs)}`;
}

export function Spoken({ message, named, found }: Props): ReactNode {
  const isKilled = message.takeover !== null;
  return (
    <div className={`spoken ${message.role}`} data-interrupted={message.interrupted} data-line={message.id} data-found={message.id === found || undefined}>
      <div className="spoken-head">
        <span className="spoken-who">{who(message, named)}</span>
        <span className="muted small"><Time at={message.createdAt}>{clock(message.createdAt)}</Time></span>
      </div>
      <p className="spoken-text" dir="auto">
        {message.content === "" ? <span className="muted">Nothing was heard</span> : message.content}
      </p>
      {message.interrupted && <p className="cut" data-cut={isKilled ? "kill" : "barge-in"}><Icon name={isKilled ? "bolt" : "microphone"} />{cutWords(message, isKilled)}</p>}
    </div>
  );
}
