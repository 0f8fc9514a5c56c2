import { Fragment, type ReactNode, useEffect } from "react";
import { getConversation } from "../api/api";
import type { ConversationDetail, Turn } from "../api/types";
import { ago, count, timeZone } from "../lib/format";
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
import { OlderTurns } from "./OlderTurns";
import { Separator } from "./Separator";
import { byTurn, type Taken, takeoversOf } from "./takeovers";
import { useLine } from "./useLine";
import { TurnView } from "./TurnView";
import { type Turns, useTurns } from "./useTurns";

const POLL_MS = 2000;
const NONE: readonly Taken[] = [];

/** A call without an agent is not live, but the next agent may come at any moment. */
function goesOn({ live, callList }: ConversationDetail): boolean {
  return live || callList.some((call) => call.sessions.some((session) => session.phase !== "ended"));
}

/** How long its logs are: what was said has not changed while they are the same. */
const lengthOf = ({ callList }: ConversationDetail): string => callList.flatMap((call) => call.sessions.map((session) => session.lastSeq)).join();

interface PageProps {
  readonly id: string;
  /** The line at which it is opened; "" for its end. */
  readonly at: string;
}

export function ConversationPage({ id, at }: PageProps): ReactNode {
  const found = useResource(id, (signal) => getConversation(id, signal), (data) => (data !== null && goesOn(data) ? POLL_MS : null));
  const said = useTurns(id, found.data === null ? null : lengthOf(found.data));
  useLine(said, at);
  const error = found.error ?? said.error;
  const retry = (): void => {
    found.reload();
    said.reload();
  };
  const isThere = found.data !== null && said.turns !== null;
  return (
    <>
      <Link className="back" href="/conversations"><Icon name="back" />All conversations</Link>
      {!isThere && error !== null && <Failure error={error} retry={retry} />}
      {!isThere && error === null && <ListSkeleton />}
      {found.data !== null && said.turns !== null && <Reading conversation={found.data} said={said} turns={said.turns} isStale={error !== null} />}
    </>
  );
}

interface Props {
  readonly conversation: ConversationDetail;
  readonly said: Turns;
  readonly turns: readonly Turn[];
  readonly isStale: boolean;
}

function Reading({ conversation, said, turns, isStale }: Props): ReactNode {
  const now = useNow(30_000);
  const sessions = conversation.callList.flatMap((call) => call.sessions);
  const taken = sessions.map(({ id, term, phase }) => `${id} ${term} ${phase}`).join();
  const takeovers = useResource(taken, (signal) => takeoversOf(sessions, signal));
  const notes = byTurn(turns, takeovers.data ?? []);
  const title = titleOf(conversation, now);
  useEffect(() => {
    document.title = `${title} · unbroken`;
  }, [title]);
  const scale = longest(turns);
  const named = new Set(turns.map((turn) => turn.user?.speaker).filter((speaker) => speaker != null)).size > 1;
  return (
    <>
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
      {isStale && <Notice tone="warning" title="Not up to date">The service does not answer. This is what it said last.</Notice>}
      <div className="reading">
        <section className="turns" aria-label="Turns">
          {said.hasOlder && <OlderTurns said={said} />}
          {turns.length === 0 && <p className="blank muted" data-testid="empty">Nothing was said in this conversation.</p>}
          {turns.map((turn, n) => (
            <Fragment key={turn.id}>
              <Separator turn={turn} before={turns[n - 1]} calls={conversation.callList} now={now} />
              <TurnView turn={turn} scale={scale} named={named} takeovers={notes.get(turn.id) ?? NONE} />
            </Fragment>
          ))}
        </section>
        <aside className="reading-side">
          <DelaysPanel turns={turns} />
          <CallsPanel calls={conversation.callList} now={now} />
        </aside>
      </div>
    </>
  );
}
