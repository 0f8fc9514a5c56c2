/** A conversation that is opened at one of its lines: older turns are loaded until it is there, then it is shown. */

import { useEffect, useRef } from "react";
import type { Turn } from "../api/types";
import type { Turns } from "./useTurns";

const has = (turn: Turn, id: string): boolean => turn.user?.id === id || turn.assistant.some((message) => message.id === id);

/** Goes there once; the reader is free to leave. "" is no line. */
export function useLine({ turns, hasOlder, isLoading, older }: Turns, id: string): void {
  const isThere = useRef(id === "");
  useEffect(() => {
    if (isThere.current || turns === null) return;
    if (!turns.some((turn) => has(turn, id))) {
      if (hasOlder && !isLoading) older(true);
      return;
    }
    isThere.current = true;
    const line = document.querySelector(`[data-message="${CSS.escape(id)}"]`);
    line?.scrollIntoView({ block: "center" });
    line?.setAttribute("data-found", "true");
  }, [turns, hasOlder, isLoading, older, id]);
}
