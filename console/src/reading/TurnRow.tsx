/** A turn as one of a feed. */

import type { ReactNode } from "react";
import type { Turn } from "../api/types";
import { clock } from "../lib/format";
import { beginOf } from "./takeovers";
import type { Row } from "./useRows";

const UNKNOWN = -1; // how many there are, in ARIA's words

interface Props {
  readonly turn: Turn;
  readonly row: Row;
  /** How many there are; null while that is not known. */
  readonly of: number | null;
  readonly children: ReactNode;
}

function labelOf(turn: Turn): string {
  const at = beginOf(turn);
  return Number.isFinite(at) ? `Turn at ${clock(at)}` : "Turn";
}

export function TurnRow({ turn, row, of, children }: Props): ReactNode {
  return (
    <article
      ref={row.measure} className="turn-row" style={row.style} tabIndex={-1} data-row={turn.id} data-index={row.index}
      aria-label={labelOf(turn)} aria-posinset={row.index + 1} aria-setsize={of ?? UNKNOWN}
    >
      {children}
    </article>
  );
}
