import { type ReactNode, useLayoutEffect, useState } from "react";
import { listConversations } from "../api/api";
import type { Conversation, Page } from "../api/types";
import { useResource } from "../lib/useResource";
import { Failure } from "../ui/Failure";
import { Link } from "../ui/Link";
import { useNow } from "../ui/useNow";
import { ConversationRow } from "./ConversationRow";
import { ListSkeleton } from "./ListSkeleton";

/** Later pages, without what moved up into an earlier one meanwhile. */
function joined(first: Page<Conversation>, more: readonly Page<Conversation>[]): readonly Conversation[] {
  const byId = new Map<string, Conversation>();
  for (const item of [first, ...more].flatMap((page) => page.items)) if (!byId.has(item.id)) byId.set(item.id, item);
  return [...byId.values()];
}

const POLL_MS = 4000;

/** What a reader had opened of the list, for the way back to it; as long as the page lives. */
const kept: { more: readonly Page<Conversation>[]; scrollY: number } = { more: [], scrollY: 0 };

/** Remembers the place in the list, and goes there again. */
function usePlace(isThere: boolean): void {
  useLayoutEffect(() => {
    if (!isThere) return;
    window.scrollTo(0, kept.scrollY);
    const note = (): void => {
      kept.scrollY = window.scrollY;
    };
    window.addEventListener("scroll", note, { passive: true });
    return () => window.removeEventListener("scroll", note);
  }, [isThere]);
}

export function ConversationsPage(): ReactNode {
  const first = useResource("conversations", (signal) => listConversations(null, signal), () => POLL_MS);
  const [more, setMore] = useState<readonly Page<Conversation>[]>(kept.more);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const now = useNow(30_000);
  usePlace(first.data !== null);
  const items = first.data === null ? [] : joined(first.data, more);
  const next = (more.at(-1) ?? first.data)?.next ?? null;

  const loadMore = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      const page = await listConversations(next);
      kept.more = [...kept.more, page];
      setMore(kept.more);
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };

  return (
    <>
      <div className="page-head">
        <h1>Conversations</h1>
        <p className="muted">All that was said, newest first.</p>
      </div>
      {first.error !== null && <Failure error={first.error} retry={first.reload} />}
      {first.data === null && first.error === null && <ListSkeleton />}
      {first.data !== null && items.length === 0 && <Empty />}
      <ul className="rows">{items.map((item) => <ConversationRow key={item.id} conversation={item} now={now} />)}</ul>
      {problem !== null && <Failure error={problem} retry={() => void loadMore()} />}
      {next !== null && problem === null && (
        <button type="button" className="button more" data-testid="more" disabled={busy} onClick={() => void loadMore()}>
          {busy ? "Loading" : "Show older ones"}
        </button>
      )}
    </>
  );
}

function Empty(): ReactNode {
  return (
    <div className="blank" data-testid="empty">
      <h2>No conversations yet</h2>
      <p className="muted">The first one appears here as soon as somebody talks to the assistant.</p>
      <Link className="button primary" href="/">Start talking</Link>
    </div>
  );
}
