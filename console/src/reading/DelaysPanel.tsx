import { memo, type ReactNode } from "react";
import type { Turn } from "../api/types";
import { longest, median, type PartName } from "../lib/delays";
import { count, delay } from "../lib/format";

const LEGEND: readonly (readonly [PartName, string])[] = [
  ["turn", "from the last word to the decision that the turn is over; transcription happens inside"],
  ["model", "until the model’s first word"],
  ["voice", "until the first sound of the answer"],
  ["rest", "what the total has beyond these: the way to the speaker, tools"],
];

const NAMES: Readonly<Record<PartName, string>> = { turn: "End of turn", model: "Model", voice: "Voice", rest: "Other" };

/** Drawn again only when something new was said: it looks at all turns. */
export const DelaysPanel = memo(function DelaysPanel({ turns }: { readonly turns: readonly Turn[] }): ReactNode {
  const middle = median(turns);
  if (longest(turns) === 0) return null;
  return (
    <section className="card" aria-labelledby="delays-title">
      <h2 id="delays-title">Delays</h2>
      {middle !== null && (
        <>
          <p className="figure">{delay(middle.ms)}</p>
          <p className="muted small">
            median of {count(middle.measured, "answered turn")}, from the caller’s last word to the answer’s first sound
          </p>
        </>
      )}
      <dl className="legend">
        {LEGEND.map(([name, words]) => (
          <div key={name}>
            <dt><span className={`swatch of-${name}`} aria-hidden="true" />{NAMES[name]}</dt>
            <dd className="muted">{words}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
});
