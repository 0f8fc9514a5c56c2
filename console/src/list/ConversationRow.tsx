import type { ReactNode } from "react";
import type { Conversation, ConversationRow as Row } from "../api/types";
import { ago, count, day } from "../lib/format";
import { conversationPath } from "../lib/router";
import { Link } from "../ui/Link";
import { LiveBadge } from "../ui/LiveBadge";
import { Time } from "../ui/Time";

export function titleOf(conversation: Conversation, now: number): string {
  return conversation.title ?? `Conversation of ${day(conversation.createdAt, now)}`;
}

/** What was found; else the last thing that was said. */
function Words({ conversation }: { readonly conversation: Row }): ReactNode {
  if (conversation.found === null) return conversation.lastMessage ?? "Nothing said yet";
  return conversation.found.excerpt.map((piece, n) => (piece.match ? <mark key={n}>{piece.text}</mark> : <span key={n}>{piece.text}</span>));
}

interface Props {
  readonly conversation: Row;
  readonly now: number;
}

export function ConversationRow({ conversation, now }: Props): ReactNode {
  return (
    <li>
      <Link className="conversation" href={conversationPath(conversation.id, conversation.found?.messageId ?? null)} data-testid="conversation-row" data-live={conversation.live}>
        <span className="conversation-title" dir="auto">{titleOf(conversation, now)}</span>
        <span className="conversation-when muted">
          {conversation.live ? <LiveBadge /> : <Time at={conversation.lastAt}>{ago(conversation.lastAt, now)}</Time>}
        </span>
        <span className="conversation-last muted" dir="auto"><Words conversation={conversation} /></span>
        <span className="conversation-counts muted small">
          {count(conversation.calls, "call")} · {count(conversation.messages, "message")}
        </span>
      </Link>
    </li>
  );
}
