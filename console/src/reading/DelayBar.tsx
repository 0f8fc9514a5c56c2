/** How long the caller waited in this turn, as one bar; all bars of a conversation have one scale. */

import type { ReactNode } from "react";
import type { Delays } from "../api/types";
import { parts, type PartName, total } from "../lib/delays";
import { delay } from "../lib/format";

export const PART_WORDS: Readonly<Record<PartName, string>> = {
  turn: "End of turn",
  model: "Model, first token",
  voice: "Voice, first byte",
  rest: "Other",
};

export function DelayBar({ delays, scale }: { readonly delays: Delays; readonly scale: number }): ReactNode {
  const all = parts(delays);
  const whole = total(delays);
  if (all.length === 0) return null;
  // Happens inside the end of turn, so it is no part of the bar.
  const transcription = delays.endOfTurn !== null && delays.transcription !== null ? delay(delays.transcription) : null;
  return (
    <div className="delays" data-testid="turn-delays">
      <div className="delay-bar" aria-hidden="true">
        {all.map((part) => (
          <span key={part.name} className={`part of-${part.name}`} style={{ width: `${(part.ms / scale) * 100}%` }} />
        ))}
      </div>
      <dl className="delay-numbers">
        {all.map((part) => (
          <div key={part.name}>
            <dt><span className={`swatch of-${part.name}`} aria-hidden="true" />{PART_WORDS[part.name]}</dt>
            <dd>
              {delay(part.ms)}
              {part.name === "turn" && transcription !== null && <span className="within"> ({transcription} transcription)</span>}
            </dd>
          </div>
        ))}
        {whole !== null && <div className="delay-total"><dt>Total</dt><dd>{delay(whole)}</dd></div>}
      </dl>
    </div>
  );
}
