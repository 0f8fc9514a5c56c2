/** After a reload in the middle of a call: the way back into it, and what was said. */

import type { ReactNode } from "react";
import { lastMessages } from "../api/api";
import { forget, type Remembered } from "../call/memory";
import { withHistory } from "../call/transcript";
import { useCall, useCallController } from "../call/useCall";
import { clock } from "../lib/format";
import { useResource } from "../lib/useResource";
import { Failure } from "../ui/Failure";
import { Icon } from "../ui/Icon";
import { TranscriptLine } from "./TranscriptLine";

interface Props {
  readonly left: Remembered;
  readonly drop: () => void;
}

export function Return({ left, drop }: Props): ReactNode {
  const call = useCall();
  const controller = useCallController();
  const goBack = (): void => void controller.start(true);
  const earlier = useResource(left.conversationId, (signal) => lastMessages(left.conversationId, 30, signal));
  const lines = withHistory([], earlier.data ?? []);
  const leave = (): void => {
    forget();
    controller.reset();
    drop();
  };
  return (
    <div className="welcome">
      <h1>You were in a call</h1>
      <p className="lead">It began at {clock(left.startedAt)}. Go back in, and it continues with the next word.</p>
      {call.phase === "failed" && <Failure error={call.error} retry={goBack} plain />}
      <div className="actions">
        <button type="button" className="button primary big" data-testid="start" onClick={goBack}>
          <Icon name="microphone" />Back into the call
        </button>
        <button type="button" className="button bare" onClick={leave}>Start a new one instead</button>
      </div>
      {earlier.error !== null && <Failure error={earlier.error} retry={earlier.reload} />}
      {lines.length > 0 && (
        <section className="said" aria-label="What was said">
          {lines.map((line) => <TranscriptLine key={line.key} line={line} killed={false} />)}
        </section>
      )}
    </div>
  );
}
