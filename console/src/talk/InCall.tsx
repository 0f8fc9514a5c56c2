/** The running call: who is there, what is said, what to press. */

import { type ReactNode, useEffect, useRef } from "react";
import { useCall } from "../call/useCall";
import { Announcer } from "./Announcer";
import { CallNotices } from "./CallNotices";
import { Controls } from "./Controls";
import { FailoverPanel } from "./FailoverPanel";
import { ResultCard } from "./ResultCard";
import { SafetyMeter } from "./SafetyMeter";
import { Stage } from "./Stage";
import { Transcript } from "./Transcript";

export function InCall(): ReactNode {
  const call = useCall();
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus({ preventScroll: true }), []);
  return (
    <div className="call">
      <h1 ref={title} tabIndex={-1} className="hidden">Call with the assistant</h1>
      <div className="call-side">
        <Stage call={call} />
        <SafetyMeter lines={call.lines} />
        <FailoverPanel call={call} />
        <Controls call={call} />
      </div>
      <div className="call-main">
        <CallNotices call={call} />
        <ResultCard call={call} />
        <Transcript lines={call.lines} takeovers={call.failover.takeovers} />
      </div>
      <Announcer lines={call.lines} takeovers={call.failover.takeovers} />
    </div>
  );
}
