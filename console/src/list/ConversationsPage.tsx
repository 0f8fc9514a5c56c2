import { type ReactNode, useLayoutEffect, useState } from "react";
import { listConversations } from "../api/api";
import type { ConversationRow as Row, Page } from "../api/types";
import { count } from "../lib/format";
import { readQuery, writeQuery } from "../lib/router";
import { useResource } from "../lib/useResource";
import { Failure } from "../ui/Failure";
import { Link } from "../ui/Link";
import { useNow } from "../ui/useNow";
import { ConversationRow } from "./ConversationRow";
import { ListSkeleton } from "./ListSkeleton";
import { SearchField } from "./SearchField";

/** Later pages, without what moved up into an earlier one meanwhile. */
function joined(first: Page<Row>, more: readonly Page<Row>[]): readonly Row[] {
  const byId = new Map<string, Row>();
  for (const item of [first, ...more].flatMap((page) => page.items)) if (!byId.has(item.id)) byId.set(item.id, item);
  return [...byId.values()];
}

const POLL_MS = 4000;

/** What a reader had opened of the list, for the way back to it; as long as the page lives. */
const kept: { words: string; more: readonly Page<Row>[]; scrollY: number } = { words: "", more: [], scrollY: 0 };

/** Another question is another list. */
function forget(words: string): void {
  if (words !== kept.words) Object.assign(kept, { words, more: [], scrollY: 0 });
}

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

/** The list for the words in the address. */
export function ConversationsPage(): ReactNode {
  const [words, setWords] = useState(() => readQuery("q"));
  const ask = (asked: string): void => {
    writeQuery("q", asked);
    setWords(asked);
  };
  return (
    <>
      <div className="page-head">
        <h1>Conversations</h1>
        <p className="muted">All that was said, newest first.</p>
      </div>
      <SearchField words={words} onWords={ask} />
      <List key={words} words={words} />
    </>
  );
}

function List({ words }: { readonly words: string }): ReactNode {
  forget(words);
  const first = useResource(`conversations ${words}`, (signal) => listConversations(words, null, signal), () => POLL_MS);
  const [more, setMore] = useState<readonly Page<Row>[]>(kept.more);
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
      const page = await listConversations(words, next);
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
      {first.error !== null && <Failure error={first.error} retry={first.reload} />}
      {first.data === null && first.error === null && <ListSkeleton />}
      {first.data !== null && words !== "" && <Outcome words={words} shown={items.length} isAll={next === null} />}
      {first.data !== null && words === "" && items.length === 0 && <Empty />}
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

interface OutcomeProps {
  readonly words: string;
  readonly shown: number;
  readonly isAll: boolean;
}

/** How many were found, for eyes and screen readers. */
function Outcome({ words, shown, isAll }: OutcomeProps): ReactNode {
  const found = shown === 0 ? "Nothing" : `${count(shown, "conversation")}${isAll ? "" : " and more"}`;
  return (
    <p className="muted small outcome" role="status" data-testid="outcome" dir="auto">
      {found} found for “{words}”.{shown === 0 && " Each word has to have been said, or to be part of a caller’s name or number."}
    </p>
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
