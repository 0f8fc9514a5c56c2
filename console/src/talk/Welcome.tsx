/** Before the first call: one thing to do, and what it promises. */

import type { ReactNode } from "react";
import { getSystem } from "../api/api";
import { LEVEL_WORDS } from "../call/safety";
import { LEVELS } from "../call/transcript";
import { useCall, useCallController } from "../call/useCall";
import { useResource } from "../lib/useResource";
import { Failure } from "../ui/Failure";
import { Icon } from "../ui/Icon";
import { TrySaying } from "./TrySaying";

/** The model that the assistant brings along. */
const EMBEDDED = "smollm2";

export function Welcome(): ReactNode {
  const call = useCall();
  const controller = useCallController();
  const system = useResource("system", getSystem);
  const start = (): void => void controller.start(false);
  return (
    <div className="welcome">
      <h1>Talk to the assistant</h1>
      <p className="lead">
        Every line is kept while you speak. If the assistant’s process dies in the middle of a
        sentence, the next one takes the conversation up where it broke.
      </p>
      {call.phase === "failed" && <Failure error={call.error} retry={start} plain />}
      <button type="button" className="button primary big" data-testid="start" onClick={start}>
        <Icon name="microphone" />Start talking
      </button>
      <p className="muted small">
        Your browser will ask for the microphone.
        {system.data?.model?.startsWith(EMBEDDED) === true && " A very small model answers; UNBROKEN_LLM_URL names a better one."}
      </p>
      <TrySaying />
      <section className="levels" aria-labelledby="levels-title">
        <h2 id="levels-title">How safe is a line?</h2>
        <ol className="thread-row">
          {LEVELS.map((level) => (
            <li key={level} data-level={level}>
              <span className="node" aria-hidden="true" />
              <strong>{LEVEL_WORDS[level].short}</strong>
              <span className="muted">{LEVEL_WORDS[level].long}</span>
            </li>
          ))}
        </ol>
      </section>
    </div>
  );
}
