/** What the last kill has cost: the silence, words and tables. */

import type { ReactNode } from "react";
import { listTurns } from "../api/api";
import type { Turn } from "../api/types";
import { seconds } from "../call/silence";
import type { CallSnapshot } from "../call/snapshot";
import { count } from "../lib/format";
import { useResource } from "../lib/useResource";

const ITEMS = 200; // of the newest of the call
const BOOKS = "confirm_booking";

const booked = (turns: readonly Turn[]): number =>
  turns.flatMap((turn) => turn.tools).filter((tool) => tool.name === BOOKS && !tool.isError && tool.output?.includes("is booked") === true).length;

export function ResultCard({ call }: { readonly call: CallSnapshot }): ReactNode {
  const { outcome } = call.failover.silence;
  if (outcome === null || outcome.how === "survived" || call.conversationId === null) return null;
  return <Result key={call.failover.takeovers.length} call={call} id={call.conversationId} ms={outcome.ms} />;
}

function Result({ call, id, ms }: { readonly call: CallSnapshot; readonly id: string; readonly ms: number }): ReactNode {
  const turns = useResource(`result ${id}`, (signal) => listTurns(id, ITEMS, null, signal));
  const lost = call.lines.filter((line) => line.lost).length;
  return (
    <section className="card result" data-testid="result" aria-label="What the kill has cost">
      <dl>
        <div><dt>Silence</dt><dd>{seconds(ms)} s</dd></div>
        <div><dt>Lost</dt><dd>{count(lost, "line")}</dd></div>
        <div><dt>Booked</dt><dd>{turns.data === null ? "…" : count(booked(turns.data.items), "table")}</dd></div>
      </dl>
    </section>
  );
}
