/** What the assistant can be asked for, so that nobody has to guess. */

import type { ReactNode } from "react";

const WISHES: readonly (readonly [string, string])[] = [
  ["A table for two tomorrow at seven.", "It asks for what is missing and books after a yes."],
  ["Please note that I need milk.", "It keeps notes and reads them back."],
  ["Tell me a long story.", "Forty seconds in which the agent can be killed."],
];

export function TrySaying(): ReactNode {
  return (
    <section className="wishes" aria-labelledby="wishes-title" data-testid="try-saying">
      <h2 id="wishes-title">Try saying</h2>
      <ul>
        {WISHES.map(([said, what]) => (
          <li key={said} className="card"><q>{said}</q><span className="muted small">{what}</span></li>
        ))}
      </ul>
    </section>
  );
}
