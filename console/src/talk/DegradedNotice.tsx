/** What is said may be less safe than usual: what is wrong on the agent's machine, in its own words. */

import type { ReactNode } from "react";
import { getSession } from "../api/api";
import type { CallSnapshot } from "../call/snapshot";
import { useResource } from "../lib/useResource";
import { Notice } from "../ui/Notice";

const POLL_MS = 5000;

/** What the agent says itself, in the room, holds also while the service does not answer. */
export function DegradedNotice({ call }: { readonly call: CallSnapshot }): ReactNode {
  const { degraded, agent, failover } = call;
  if (degraded !== null && degraded.words !== null && degraded.by === agent.identity) return <Words>{degraded.words}</Words>;
  return failover.sessionId === null ? null : <OfService sessionId={failover.sessionId} />;
}

function OfService({ sessionId }: { readonly sessionId: string }): ReactNode {
  const { data } = useResource(sessionId, (signal) => getSession(sessionId, signal), () => POLL_MS);
  return data === null || data.degraded === null ? null : <Words>{data.degraded}</Words>;
}

function Words({ children }: { readonly children: string }): ReactNode {
  return <Notice tone="warning" title="This call is kept less safely than usual">{children}</Notice>;
}
