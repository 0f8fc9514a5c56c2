/** The keyboard does not fall out of the page with what it was on. */

import { type RefObject, useLayoutEffect } from "react";

/** When `part` goes away while the focus is in it, the page itself has it. */
export function useFocusKept(part: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => {
    const element = part.current;
    return () => {
      if (element?.contains(document.activeElement) === true) document.getElementById("main")?.focus({ preventScroll: true });
    };
  }, [part]);
}
