import type { ReactNode } from "react";
import { count } from "../lib/format";

interface Props {
  readonly words: string;
  readonly shown: number;
  readonly isAll: boolean;
}

/** How many were found, for eyes and screen readers. */
export function Outcome({ words, shown, isAll }: Props): ReactNode {
  const found = shown === 0 ? "Nothing" : `${count(shown, "conversation")}${isAll ? "" : " and more"}`;
  return (
    <p className="muted small outcome" role="status" data-testid="outcome" dir="auto">
      {found} found for “{words}”.{shown === 0 && " Each word has to have been said, or to be part of a caller’s name or number."}
    </p>
  );
}
