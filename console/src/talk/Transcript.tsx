/** The lines as they are said; follows the newest unless the reader has scrolled back. */

import { type ReactNode, useEffect, useRef, useState } from "react";
import type { Takeover } from "../call/takeover";
import type { Line } from "../call/transcript";
import { Icon } from "../ui/Icon";
import { Lines } from "./Lines";

const NEAR_PX = 80;

interface Props {
  readonly lines: readonly Line[];
  readonly takeovers: readonly Takeover[];
}

export function Transcript({ lines, takeovers }: Props): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const [follows, setFollows] = useState(true);
  const toEnd = (): void => {
    box.current?.scrollTo({ top: box.current.scrollHeight });
  };
  useEffect(() => {
    if (follows) toEnd();
  }, [lines, takeovers, follows]);
  const scrolled = (): void => {
    const el = box.current;
    if (el !== null) setFollows(el.scrollHeight - el.scrollTop - el.clientHeight < NEAR_PX);
  };
  return (
    <div className="transcript-frame">
      <div className="transcript" ref={box} onScroll={scrolled} tabIndex={0} role="region" aria-label="Transcript">
        {lines.length === 0 && takeovers.length === 0
          ? <p className="muted transcript-empty">What you and the assistant say appears here.</p>
          : <Lines lines={lines} takeovers={takeovers} />}
      </div>
      {!follows && (
        <button type="button" className="button small to-end" onClick={() => setFollows(true)}>
          <Icon name="down" />Newest
        </button>
      )}
    </div>
  );
}
