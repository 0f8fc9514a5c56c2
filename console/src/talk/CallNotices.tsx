/** What is wrong with the call right now, most important first, and what to do about it. */

import type { ReactNode } from "react";
import { agentState, type CallSnapshot, type Microphone } from "../call/snapshot";
import { useCallController } from "../call/useCall";
import { Icon } from "../ui/Icon";
import { Notice } from "../ui/Notice";
import { DegradedNotice } from "./DegradedNotice";
import { WaitingNotice } from "./WaitingNotice";

const MICROPHONE: Partial<Readonly<Record<Microphone, readonly [title: string, hint: string]>>> = {
  denied: ["The microphone is blocked", "You can listen, but nobody hears you. Allow the microphone in the browser’s address bar, then try again."],
  absent: ["No microphone was found", "You can listen, but nobody hears you. Plug one in, then try again."],
  busy: ["The microphone is in use", "Another program holds it. Close that one, then try again."],
  insecure: ["This address may not use the microphone", "Browsers give it to https and to localhost only. Open the console at http://localhost."],
  failed: ["The microphone did not start", "You can listen, but nobody hears you."],
};

/** After the call: the service closed the room before anybody came. */
export const NOBODY_CAME = {
  title: "No assistant came",
  words: "The service asked for one again and again, and has ended the call so that you do not wait in silence.",
} as const;

/** Also after the call: the service may have closed its room. */
export const GAVE_UP = {
  title: "The service gave up on this call",
  words: "Several agents died one after the other, so no further one is sent. What was said is kept.",
} as const;

const problem = (error: unknown): string => (error instanceof Error ? error.message : "");

export function CallNotices({ call }: { readonly call: CallSnapshot }): ReactNode {
  const controller = useCallController();
  const { state } = agentState(call);
  const microphone = MICROPHONE[call.microphone];
  return (
    <div className="notices">
      {state === "reconnecting" && (
        <Notice tone="warning" title="Reconnecting">Your line dropped. The call is still there.</Notice>
      )}
      {call.failover.gaveUp && (
        <Notice tone="error" title={GAVE_UP.title} actions={
          <button type="button" className="button primary" onClick={controller.startAgain}>Start again</button>
        }>{GAVE_UP.words}</Notice>
      )}
      {call.failover.error !== null && (
        <Notice tone="error" title="The agent was not killed" actions={
          <button type="button" className="button" onClick={controller.kill}>Try again</button>
        }>{problem(call.failover.error)}</Notice>
      )}
      {state === "absent" && call.agent.seen && !call.failover.gaveUp && (
        <Notice tone="error" title="The assistant has not come back">
          It usually takes about a second. Check that a worker is running; this page goes on waiting.
        </Notice>
      )}
      {(state === "waiting" || state === "absent") && !call.agent.seen && call.roomName !== null && (
        <WaitingNotice call={call} roomName={call.roomName} />
      )}
      {call.phase === "live" && <DegradedNotice call={call} />}
      {call.soundBlocked && (
        <Notice tone="warning" title="The browser holds the sound back" actions={
          <button type="button" className="button" onClick={controller.allowSound}><Icon name="sound" />Turn sound on</button>
        } />
      )}
      {microphone !== undefined && (
        <Notice tone="error" title={microphone[0]} actions={
          call.microphone !== "insecure" && <button type="button" className="button" onClick={controller.toggleMicrophone}>Try again</button>
        }>{microphone[1]}</Notice>
      )}
    </div>
  );
}
