/** After a reload in the middle of a call: the way back into it, and what was said. */

import type { ReactNode } from "react";
import { lastMessages } from "../api/api";
import { forget, type Remembered } from "../call/memory";
import { withHistory } from "../call/transcript";
import { useCallController } from "../call/useCall";
import { clock } from "../lib/format";
import { useResource } from "../lib/useResource";
import { Failure } from "../ui/Failure";
import { Icon } from "../ui/Icon";
import { TranscriptLine } from "./TranscriptLine";

interface Props {
  readonly call: Remembered;
  readonly drop: () => void;
}

export function Return({ call, drop }: Props): ReactNode {
  const controller = useCallController();
  const earlier = useResource(call.conversationId, (signal) => lastMessages(call.conversationId, 30, signal));
  const lines = withHistory([], earlier.data ?? []);
  const leave = (): void => {
    forget();
    drop();
  };
  return (
    <div className="welcome">
      <h1>You were in a call</h1>
      <p className="lead">It began at {clock(call.startedAt)}. Go back in, and it continues with the next word.</p>
      <div className="actions">
        <button type="button" className="button primary big" data-testid="start" onClick={() => void controller.start(true)}>
          <Icon name="microphone" />Back into the call
        </button>
        <button type="button" className="button bare" onClick={leave}>Start a new one instead</button>
      </div>
      {earlier.error !== null && <Failure error={earlier.error} retry={earlier.reload} />}
      {lines.length > 0 && (
        <section className="said" aria-label="What was said">
          {lines.map((line) => <TranscriptLine key={line.key} line={line} />)}
        </section>
      )}
    </div>
  );
}
