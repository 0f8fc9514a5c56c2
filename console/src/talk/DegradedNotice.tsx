/** What is said may be less safe than usual: what is wrong on the agent's machine, in its own words. */

import type { ReactNode } from "react";
import { getSession } from "../api/api";
import { useResource } from "../lib/useResource";
import { Notice } from "../ui/Notice";

const POLL_MS = 5000;

export function DegradedNotice({ sessionId }: { readonly sessionId: string }): ReactNode {
  const { data } = useResource(sessionId, (signal) => getSession(sessionId, signal), () => POLL_MS);
  if (data === null || data.degraded === null) return null;
  return <Notice tone="warning" title="This call is kept less safely than usual">{data.degraded}</Notice>;
}
