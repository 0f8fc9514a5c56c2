/** One line: interim words lighter, final ones solid, and a node on the thread for how safe it is. */

import type { ReactNode } from "react";
import { type Halves, halves } from "../call/cut";
import { LEVEL_WORDS, LOST_WORDS } from "../call/safety";
import { isFinal, type Line } from "../call/transcript";
import { delay } from "../lib/format";

export function TranscriptLine({ line }: { readonly line: Line }): ReactNode {
  const level = line.level === null ? null : LEVEL_WORDS[line.level];
  const title = line.lost ? LOST_WORDS : level === null ? "Being said" : `${level.short}: ${level.long}`;
  const words = line.lost ? "lost" : level === null ? "not safe yet" : `safe in: ${level.short}`;
  const parts = halves(line);
  return (
    <article className={`line ${line.role}`} data-testid={`line-${line.role}`} data-level={line.lost ? "lost" : (line.level ?? "none")} data-final={isFinal(line)}>
      <span className="line-who">{line.role === "user" ? "You" : "Assistant"}</span>
      <span className="node" title={title}>
        <span className="hidden">{words}</span>
      </span>
      <p className="line-text" dir="auto">
        {parts === null ? <Segments line={line} /> : <span>{parts.heard} </span>}
        {line.cut && (
          <span className="cut">{line.heardMs === null ? "cut off" : `cut off after ${delay(line.heardMs)}`}</span>
        )}
        {parts !== null && <Unheard parts={parts} />}
      </p>
    </article>
  );
}

function Segments({ line }: { readonly line: Line }): ReactNode {
  return line.segments.map((segment) => (
    <span key={segment.id} className={segment.final ? undefined : "interim"}>{segment.text.trim()} </span>
  ));
}

function Unheard({ parts }: { readonly parts: Halves }): ReactNode {
  if (parts.unheard === "") return null;
  return <> <s className="unheard" title="Written, but not heard">{parts.unheard}</s></>;
}
