/** The way to what was said before: pressed, or loaded as soon as it is nearly seen. */

import { type ReactNode, useEffect, useRef } from "react";
import { useFocusKept } from "../ui/useFocusKept";
import type { Turns } from "./useTurns";

const AHEAD = "600px";

export function OlderTurns({ said }: { readonly said: Turns }): ReactNode {
  const button = useRef<HTMLButtonElement>(null);
  const { older, isLoading } = said;
  useFocusKept(button);
  useEffect(() => {
    const seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting) && window.scrollY > 0) older();
    }, { rootMargin: AHEAD });
    if (button.current !== null) seen.observe(button.current);
    return () => seen.disconnect();
  }, [older]);
  return (
    <button ref={button} type="button" className="button more older" data-testid="older" aria-disabled={isLoading} onClick={() => older()}>
      {isLoading ? "Loading" : "Show what was said before"}
    </button>
  );
}
