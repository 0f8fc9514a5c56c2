/** How safe the last line is: process, then disk, then service. */

import type { ReactNode } from "react";
import { LEVEL_WORDS, LOST_WORDS } from "../call/safety";
import { isFinal, LEVELS, type Line } from "../call/transcript";

function words(line: Line | undefined): string {
  if (line === undefined) return "Nothing said yet";
  if (line.lost) return LOST_WORDS;
  if (line.level === null) return isFinal(line) ? "Said, not yet kept" : "Being said";
  const level = LEVEL_WORDS[line.level];
  return `${level.short}: ${level.long}`;
}

export function SafetyMeter({ lines }: { readonly lines: readonly Line[] }): ReactNode {
  const last = lines.at(-1);
  const reached = last?.level == null ? -1 : LEVELS.indexOf(last.level);
  return (
    <section className="safety" data-testid="safety" data-level={last?.lost === true ? "lost" : (last?.level ?? "none")} aria-label="How safe the last line is">
      <h2>Last line</h2>
      <ol className="thread-row compact" aria-hidden="true">
        {LEVELS.map((level, index) => (
          <li key={level} data-level={index <= reached ? level : "none"}>
            <span className="node" />
            <span>{LEVEL_WORDS[level].short}</span>
          </li>
        ))}
      </ol>
      <p className="safety-words">{words(last)}</p>
    </section>
  );
}
