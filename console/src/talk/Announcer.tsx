/** Reads finished lines and takeovers to screen readers, once each: interim words would be read again and again. */

import type { ReactNode } from "react";
import type { Takeover } from "../call/takeover";
import { isFinal, type Line, lineText } from "../call/transcript";
import { takeoverTitle } from "./TakeoverNote";

const KEPT = 3;

interface Props {
  readonly lines: readonly Line[];
  readonly takeovers: readonly Takeover[];
}

export function Announcer({ lines, takeovers }: Props): ReactNode {
  const said = lines.filter((line) => !line.earlier && isFinal(line)).slice(-KEPT);
  return (
    <div className="hidden" role="log" aria-live="polite" aria-relevant="additions" aria-label="Latest lines">
      {said.map((line) => (
        <p key={`${line.key}:${line.segments.length}`}>{line.role === "user" ? "You" : "Assistant"}: {lineText(line)}</p>
      ))}
      {takeovers.slice(-KEPT).map((one) => <p key={`${one.key}:${one.term === null}`}>{takeoverTitle(one)}</p>)}
    </div>
  );
}
