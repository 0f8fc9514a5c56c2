import { type ReactNode, useState } from "react";
import { readOthers, readQuery, writeQuery } from "../lib/router";
import { ConversationList } from "./ConversationList";
import { SearchField } from "./SearchField";

/** The list for the words in the address, and whatever else it asks for: the service knows by what it can choose. */
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
      <ConversationList key={words} words={words} others={readOthers("q")} />
    </>
  );
}
