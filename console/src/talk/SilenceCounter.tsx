/** The seconds without a voice: it runs while an agent is missing, and stops on what it came to. */

import { type ReactNode, useEffect, useState } from "react";
import { seconds, type Silence } from "../call/silence";

const EVERY_MS = 50;

/** The clock of the silence, while it runs. */
function useClock(runs: boolean): number {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    if (!runs) return;
    setNow(performance.now());
    const timer = setInterval(() => setNow(performance.now()), EVERY_MS);
    return () => clearInterval(timer);
  }, [runs]);
  return now;
}

interface Reading {
  readonly state: string;
  readonly ms: number | null;
  readonly words: string;
}

function reading({ missing, outcome }: Silence, now: number): Reading {
  if (missing !== null) return { state: "running", ms: now - missing.since, words: "of silence" };
  if (outcome === null) return { state: "none", ms: null, words: "of silence" };
  if (outcome.how === "survived") return { state: "survived", ms: null, words: "It is still alive" };
  return { state: outcome.how, ms: outcome.ms, words: outcome.how === "heard" ? "of silence" : "until back" };
}

export function SilenceCounter({ silence }: { readonly silence: Silence }): ReactNode {
  const now = useClock(silence.missing !== null);
  const { state, ms, words } = reading(silence, now);
  return (
    <div className="silence" role="timer" data-testid="silence" data-state={state} data-seconds={ms === null ? undefined : seconds(ms)}>
      <p className="silence-now"><strong>{seconds(ms ?? 0)} s</strong> {words}</p>
      <p className="muted small silence-best">
        {silence.bestMs !== null && `Best: ${seconds(silence.bestMs)} s`}
      </p>
    </div>
  );
}
