/** What the last kill has cost: the silence, words and tables. */

import type { ReactNode } from "react";
import { listTurns } from "../api/api";
import type { Tool, Turn } from "../api/types";
import { seconds } from "../call/silence";
import type { CallSnapshot } from "../call/snapshot";
import { wordsLost } from "../call/takeover";
import { count } from "../lib/format";
import { useResource } from "../lib/useResource";

const ITEMS = 200; // of the newest of the call
const BOOKS = "confirm_booking";

const DONE = /^A table .* is booked\.$/; // what the assistant's tool says of a table, and of nothing else
const POLL_MS = 3000;

const isBooked = ({ name, isError, output }: Tool): boolean => name === BOOKS && !isError && output !== null && DONE.test(output);
const booked = (turns: readonly Turn[]): number => turns.flatMap((turn) => turn.tools).filter(isBooked).length;

export function ResultCard({ call }: { readonly call: CallSnapshot }): ReactNode {
  const { outcome } = call.failover.silence;
  if (outcome === null || outcome.how === "survived" || call.conversationId === null) return null;
  return <Result key={call.failover.takeovers.length} call={call} id={call.conversationId} ms={outcome.ms} />;
}

function Result({ call, id, ms }: { readonly call: CallSnapshot; readonly id: string; readonly ms: number }): ReactNode {
  const turns = useResource(`result ${id}`, (signal) => listTurns(id, ITEMS, null, signal), () => POLL_MS);
  const lost = wordsLost(call.lines, call.failover.takeovers);
  return (
    <section className="card result" data-testid="result" aria-label="What the kill has cost">
      <dl>
        <div><dt>Silence</dt><dd>{seconds(ms)} s</dd></div>
        <div><dt>Lost</dt><dd>{lost === null ? "…" : count(lost, "word")}</dd></div>
        <div><dt>Booked</dt><dd>{turns.data === null ? "…" : count(booked(turns.data.items), "table")}</dd></div>
      </dl>
    </section>
  );
}
