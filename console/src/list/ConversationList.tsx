/** The conversations in which these words were said; all of them for none. `others`: what else is asked for. */

import type { ReactNode } from "react";
import { Failure } from "../ui/Failure";
import { useNow } from "../ui/useNow";
import { Chosen } from "./Chosen";
import { ConversationRow } from "./ConversationRow";
import { Empty } from "./Empty";
import { ListSkeleton } from "./ListSkeleton";
import { Outcome } from "./Outcome";
import { joined } from "./rows";
import { useList } from "./useList";
import { usePlace } from "./usePlace";

interface Props {
  readonly words: string;
  readonly others: string;
}

export function ConversationList({ words, others }: Props): ReactNode {
  const list = useList(words, others);
  const now = useNow(30_000);
  usePlace(list.words, list.isThere);
  const rows = joined(list.newest, list.older);
  const asked = words === "" ? others : words;
  return (
    <>
      {others !== "" && <Chosen others={others} />}
      {list.error !== null && <Failure error={list.error} retry={list.reload} />}
      {!list.isThere && list.error === null && <ListSkeleton />}
      {list.isThere && asked !== "" && <Outcome words={asked} shown={rows.length} isAll={list.next === null} />}
      {list.isThere && asked === "" && rows.length === 0 && <Empty />}
      <ul className="rows">{rows.map((row) => <ConversationRow key={row.id} conversation={row} now={now} />)}</ul>
      {list.problem !== null && <Failure error={list.problem} retry={list.loadOlder} />}
      {list.next !== null && list.problem === null && (
        <button type="button" className="button more" data-testid="more" disabled={list.isLoading} onClick={list.loadOlder}>
          {list.isLoading ? "Loading" : "Show older ones"}
        </button>
      )}
    </>
  );
}
