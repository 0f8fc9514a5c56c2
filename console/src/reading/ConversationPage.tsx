import type { ReactNode } from "react";
import { getConversation, listTurns } from "../api/api";
import type { ConversationDetail, Turn } from "../api/types";
import { ago, count } from "../lib/format";
import { longest } from "../lib/delays";
import { useResource } from "../lib/useResource";
import { titleOf } from "../list/ConversationRow";
import { ListSkeleton } from "../list/ListSkeleton";
import { Failure } from "../ui/Failure";
import { Icon } from "../ui/Icon";
import { Link } from "../ui/Link";
import { LiveBadge } from "../ui/LiveBadge";
import { Notice } from "../ui/Notice";
import { Time } from "../ui/Time";
import { useNow } from "../ui/useNow";
import { CallsPanel } from "./CallsPanel";
import { DelaysPanel } from "./DelaysPanel";
import { TurnView } from "./TurnView";

const POLL_MS = 2000;

interface Whole {
  readonly conversation: ConversationDetail;
  readonly turns: readonly Turn[];
}

async function load(id: string, signal: AbortSignal): Promise<Whole> {
  const [conversation, turns] = await Promise.all([getConversation(id, signal), listTurns(id, signal)]);
  return { conversation, turns };
}

/** A call without an agent is not live, but the next agent may come at any moment. */
function goesOn({ live, callList }: ConversationDetail): boolean {
  return live || callList.some((call) => call.sessions.some((session) => session.phase !== "ended"));
}

export function ConversationPage({ id }: { readonly id: string }): ReactNode {
  const whole = useResource<Whole>(id, (signal) => load(id, signal), (data) => (data !== null && goesOn(data.conversation) ? POLL_MS : null));
  return (
    <>
      <Link className="back" href="/conversations"><Icon name="back" />All conversations</Link>
      {whole.data === null && whole.error !== null && <Failure error={whole.error} retry={whole.reload} />}
      {whole.data === null && whole.error === null && <ListSkeleton />}
      {whole.data !== null && <Reading whole={whole.data} isStale={whole.error !== null} />}
    </>
  );
}

function Reading({ whole, isStale }: { readonly whole: Whole; readonly isStale: boolean }): ReactNode {
  const { conversation, turns } = whole;
  const now = useNow(30_000);
  const scale = longest(turns);
  const named = new Set(turns.map((turn) => turn.user?.speaker).filter((speaker) => speaker != null)).size > 1;
  return (
    <>
      <div className="page-head">
        <h1>{titleOf(conversation, now)}{conversation.live && <> <LiveBadge /></>}</h1>
        <p className="muted">
          <Time at={conversation.lastAt}>{ago(conversation.lastAt, now)}</Time>
          {` · ${count(conversation.calls, "call")} · ${count(conversation.messages, "message")}`}
          {conversation.userId !== null && ` · ${conversation.userId}`}
        </p>
      </div>
      {isStale && <Notice tone="warning" title="Not up to date">The service does not answer. This is what it said last.</Notice>}
      <div className="reading">
        <section className="turns" aria-label="Turns">
          {turns.length === 0 && <p className="blank muted" data-testid="empty">Nothing was said in this conversation.</p>}
          {turns.map((turn) => <TurnView key={turn.id} turn={turn} scale={scale} named={named} />)}
        </section>
        <aside className="reading-side">
          <DelaysPanel turns={turns} />
          <CallsPanel calls={conversation.callList} now={now} />
        </aside>
      </div>
    </>
  );
}
