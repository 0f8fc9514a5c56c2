/** Where a reader was in the list, for the way back to it; as long as the page lives. */

import { useLayoutEffect } from "react";

const kept = { words: "", y: 0 };

/** Goes there once the list is there. Another question is another list. */
export function usePlace(words: string, isThere: boolean): void {
  useLayoutEffect(() => {
    if (!isThere) return;
    if (words !== kept.words) Object.assign(kept, { words, y: 0 });
    window.scrollTo(0, kept.y);
    const note = (): void => {
      kept.y = window.scrollY;
    };
    window.addEventListener("scroll", note, { passive: true });
    return () => window.removeEventListener("scroll", note);
  }, [words, isThere]);
}
