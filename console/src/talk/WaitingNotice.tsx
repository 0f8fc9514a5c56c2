/** Nobody has come yet: why, what is done about it, and until when. */

import type { ReactNode } from "react";
import { getWaiting } from "../api/api";
import type { CallSnapshot } from "../call/snapshot";
import { waitingWords } from "../call/waiting";
import { useResource } from "../lib/useResource";
import { Notice } from "../ui/Notice";
import { useNow } from "../ui/useNow";

const POLL_MS = 2000;

export function WaitingNotice({ call, roomName }: { readonly call: CallSnapshot; readonly roomName: string }): ReactNode {
  const { data } = useResource(`waiting ${roomName}`, (signal) => getWaiting(roomName, signal), () => POLL_MS);
  const now = useNow(1000);
  const late = call.agent.late;
  // One that is asked for the first time is usually there within a second.
  if (data !== null && data.waiting !== null && (late || data.waiting.tries > 1)) {
    return <Notice tone={late ? "error" : "warning"} title="No assistant has come yet">{waitingWords(data.waiting, now)}</Notice>;
  }
  if (!late) return null;
  return (
    <Notice tone="error" title="No assistant has come">
      It usually takes about a second. Check that a worker is running; this page goes on waiting.
    </Notice>
  );
}
