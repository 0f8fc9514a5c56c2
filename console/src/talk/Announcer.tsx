/** Reads finished lines to screen readers, once each: interim words would be read again and again. */

import type { ReactNode } from "react";
import { isFinal, type Line, lineText } from "../call/transcript";

const KEPT = 3;

export function Announcer({ lines }: { readonly lines: readonly Line[] }): ReactNode {
  const said = lines.filter((line) => !line.earlier && isFinal(line)).slice(-KEPT);
  return (
    <div className="hidden" role="log" aria-live="polite" aria-relevant="additions" aria-label="Latest lines">
      {said.map((line) => (
        <p key={`${line.key}:${line.segments.length}`}>{line.role === "user" ? "You" : "Assistant"}: {lineText(line)}</p>
      ))}
    </div>
  );
}
