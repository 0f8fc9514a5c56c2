import type { ReactNode } from "react";
import { getConversation } from "../api/api";
import type { ConversationDetail } from "../api/types";
import { useResource } from "../lib/useResource";
import { ListSkeleton } from "../list/ListSkeleton";
import { Failure } from "../ui/Failure";
import { Icon } from "../ui/Icon";
import { Link } from "../ui/Link";
import { Reading } from "./Reading";
import { useTurns } from "./useTurns";

const POLL_MS = 2000;

/** A call without an agent is not live, but the next agent may come at any moment. */
function goesOn({ live, callList }: ConversationDetail): boolean {
  return live || callList.some((call) => call.sessions.some((session) => session.phase !== "ended"));
}

/** How long its logs are: what was said has not changed while they are the same. */
const lengthOf = ({ callList }: ConversationDetail): string => callList.flatMap((call) => call.sessions.map((session) => session.lastSeq)).join();

interface Props {
  readonly id: string;
  /** The line at which it is opened; "" for its end. */
  readonly at: string;
}

export function ConversationPage({ id, at }: Props): ReactNode {
  const found = useResource(id, (signal) => getConversation(id, signal), (data) => (data !== null && goesOn(data) ? POLL_MS : null));
  const said = useTurns(id, found.data === null ? null : lengthOf(found.data));
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
      {found.data !== null && said.turns !== null && <Reading conversation={found.data} said={said} turns={said.turns} isStale={error !== null} at={at} />}
    </>
  );
}
