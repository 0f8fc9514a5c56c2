/** After a call: what is next. The lines of the call stay to be read. */

import { type ReactNode, useEffect, useRef } from "react";
import { useCall, useCallController } from "../call/useCall";
import { count, length } from "../lib/format";
import { conversationPath } from "../lib/router";
import { Icon } from "../ui/Icon";
import { Link } from "../ui/Link";
import { GAVE_UP, NOBODY_CAME } from "./CallNotices";
import { Lines } from "./Lines";

export function Ended(): ReactNode {
  const call = useCall();
  const controller = useCallController();
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), []);
  const lost = call.phase === "lost";
  const { gaveUp } = call.failover;
  const unanswered = call.phase === "ended" && call.endReason !== null && !call.agent.seen;
  const over = gaveUp ? GAVE_UP : unanswered ? NOBODY_CAME : null;
  const next = lost || over !== null;
  const lasted = call.startedAt !== null && call.endedAt !== null ? length(call.endedAt - call.startedAt) : null;
  return (
    <div className="welcome">
      <h1 ref={title} tabIndex={-1}>{over !== null ? over.title : lost ? "The connection was lost" : "Call ended"}</h1>
      <p className="lead" role="status">
        {over !== null ? over.words : lost ? "What was said is kept. Go back in, and the call continues." : call.endReason}
        {!lost && lasted !== null && ` It lasted ${lasted} and has ${count(call.lines.length, "line")}.`}
      </p>
      <div className="actions">
        {next && (
          <button type="button" className="button primary big" data-testid="start" onClick={() => void controller.start(over === null)}>
            <Icon name="microphone" />{over !== null ? "Start again" : "Back into the call"}
          </button>
        )}
        {call.conversationId !== null && (
          <Link className={`button ${next ? "" : "primary"} big`} href={conversationPath(call.conversationId)}>
            Read the conversation<Icon name="arrow" />
          </Link>
        )}
        {!next && (
          <button type="button" className="button big" data-testid="start" onClick={() => void controller.start(false)}>
            <Icon name="microphone" />Talk again
          </button>
        )}
      </div>
      {call.lines.length > 0 && (
        <section className="said" aria-label="What was said">
          <Lines lines={call.lines} takeovers={call.failover.takeovers} />
        </section>
      )}
    </div>
  );
}
