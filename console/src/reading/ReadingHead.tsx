import type { ReactNode } from "react";
import type { ConversationDetail } from "../api/types";
import { ago, count, timeZone } from "../lib/format";
import { LiveBadge } from "../ui/LiveBadge";
import { Time } from "../ui/Time";

interface Props {
  readonly conversation: ConversationDetail;
  readonly title: string;
  readonly now: number;
}

export function ReadingHead({ conversation, title, now }: Props): ReactNode {
  return (
    <div className="page-head">
      <h1 dir="auto">{title}{conversation.live && <> <LiveBadge /></>}</h1>
      <p className="muted">
        <Time at={conversation.lastAt}>{ago(conversation.lastAt, now)}</Time>
        {` · ${count(conversation.calls, "call")} · ${count(conversation.messages, "message")}`}
        {conversation.userId !== null && ` · ${conversation.userId}`}
        {` · times of ${timeZone()}`}
      </p>
      <a className="to-side" href="#calls-title">Calls and agents</a>
    </div>
  );
}
