/** Kill the agent that speaks, and read for how long nobody was heard. */

import type { ReactNode } from "react";
import { getSystem } from "../api/api";
import type { CallSnapshot } from "../call/snapshot";
import { useCallController } from "../call/useCall";
import { useResource } from "../lib/useResource";
import { Icon } from "../ui/Icon";
import { SilenceCounter } from "./SilenceCounter";

export function FailoverPanel({ call }: { readonly call: CallSnapshot }): ReactNode {
  const controller = useCallController();
  const system = useResource("system", getSystem);
  const demo = system.data?.demo === true;
  const { silence, sessionId, ordering } = call.failover;
  // Without a demonstration agents die seldom: then there is a number when one has.
  if (!demo && silence.missing === null && silence.outcome === null) return null;
  const off = ordering || silence.missing !== null || call.phase !== "live" || call.agent.identity === null;
  return (
    <section className="failover" aria-label="Failover">
      {(silence.missing !== null || silence.outcome !== null) && <SilenceCounter silence={silence} />}
      {demo && sessionId !== null && (
        // Not `disabled`: the keyboard stays where it is, ready for the next kill.
        <button
          type="button" className="button kill" data-testid="kill" aria-disabled={off}
          title="Ends its process with SIGKILL, best in the middle of a sentence"
          onClick={() => {
            if (!off) controller.kill();
          }}
        >
          <Icon name="bolt" />Kill this agent
        </button>
      )}
    </section>
  );
}
