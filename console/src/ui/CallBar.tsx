/** The running call, seen from another page. */

import type { ReactNode } from "react";
import { agentState, inCall } from "../call/snapshot";
import { useCall, useCallController } from "../call/useCall";
import { Icon } from "./Icon";
import { Link } from "./Link";

export function CallBar(): ReactNode {
  const call = useCall();
  const controller = useCallController();
  if (!inCall(call.phase)) return null;
  return (
    <section className="callbar" aria-label="Running call">
      <span className="live-dot" aria-hidden="true" />
      <span className="callbar-words">In a call<span className="muted"> · {agentState(call).words}</span></span>
      <Link href="/" className="button small">Back to the call</Link>
      <button type="button" className="button small danger square" onClick={controller.hangUp} aria-label="Hang up" title="Hang up">
        <Icon name="hangup" />
      </button>
    </section>
  );
}
