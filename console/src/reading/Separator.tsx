/** Between turns of different days or calls. */

import type { ReactNode } from "react";
import type { Call, Turn } from "../api/types";
import { date, minute } from "../lib/format";
import { beginOf } from "./takeovers";

interface Props {
  readonly turn: Turn;
  readonly before: Turn | undefined;
  readonly calls: readonly Call[];
  readonly now: number;
}

const dayOf = (at: number): string => new Date(at).toDateString();

export function Separator({ turn, before, calls, now }: Props): ReactNode {
  const at = beginOf(turn);
  if (!Number.isFinite(at)) return null;
  const last = before === undefined ? null : beginOf(before);
  const call = last === null ? undefined : calls.findLast((one) => one.startedAt > last && one.startedAt <= at);
  const isNewDay = last === null || dayOf(last) !== dayOf(at);
  if (!isNewDay && call === undefined) return null;
  const words = [isNewDay ? date(at, now) : null, call === undefined ? null : `next call, ${minute(call.startedAt)}`];
  return <h2 className="separator muted small" data-testid="separator">{words.filter((one) => one !== null).join(" · ")}</h2>;
}
