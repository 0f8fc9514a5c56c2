import type { ReactNode } from "react";
import type { Conversation } from "../api/types";
import { ago, count, day } from "../lib/format";
import { conversationPath } from "../lib/router";
import { Link } from "../ui/Link";
import { LiveBadge } from "../ui/LiveBadge";
import { Time } from "../ui/Time";

export function titleOf(conversation: Conversation, now: number): string {
  return conversation.title ?? `Conversation of ${day(conversation.createdAt, now)}`;
}

interface Props {
  readonly conversation: Conversation;
  readonly now: number;
}

export function ConversationRow({ conversation, now }: Props): ReactNode {
  return (
    <li>
      <Link className="conversation" href={conversationPath(conversation.id)} data-testid="conversation-row" data-live={conversation.live}>
        <span className="conversation-title" dir="auto">{titleOf(conversation, now)}</span>
        <span className="conversation-when muted">
          {conversation.live ? <LiveBadge /> : <Time at={conversation.lastAt}>{ago(conversation.lastAt, now)}</Time>}
        </span>
        <span className="conversation-last muted" dir="auto">{conversation.lastMessage ?? "Nothing said yet"}</span>
        <span className="conversation-counts muted small">
          {count(conversation.calls, "call")} · {count(conversation.messages, "message")}
        </span>
      </Link>
    </li>
  );
}
