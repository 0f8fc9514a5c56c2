/** One line: interim words lighter, final ones solid, and a node on the thread for how safe it is. */

import type { ReactNode } from "react";
import { type Halves, halves } from "../call/cut";
import { LEVEL_WORDS, LOST_WORDS } from "../call/safety";
import { isFinal, type Line } from "../call/transcript";
import { delay } from "../lib/format";
import { Icon } from "../ui/Icon";

interface Props {
  readonly line: Line;
  /** An agent was lost behind it: what cut it, while the service has not said so. */
  readonly killed: boolean;
}

function cutWords({ heardMs }: Line, killed: boolean): string {
  const how = killed ? "cut off with its agent" : "interrupted by you";
  return heardMs === null ? how : `${how} after ${delay(heardMs)}`;
}

export function TranscriptLine({ line, killed }: Props): ReactNode {
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
        {line.cut && <Cut line={line} killed={line.killed ?? killed} />}
        {parts !== null && <Unheard parts={parts} />}
      </p>
    </article>
  );
}

function Cut({ line, killed }: Props): ReactNode {
  return (
    <span className="cut" data-cut={killed ? "kill" : "barge-in"}>
      <Icon name={killed ? "bolt" : "microphone"} />{cutWords(line, killed)}
    </span>
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
