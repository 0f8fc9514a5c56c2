/** Whoever reads the end of a call that goes on stays at its end; whoever reads above it stays where she is. */

import { type RefObject, useEffect } from "react";

const NEAR_PX = 80; // whoever is so near to the end is at it

/** Leaves the end who scrolls up, reads what is behind the list, or opens something in it. */
export function useFollow(list: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const element = list.current;
    if (element === null) return;
    let isAtEnd = false;
    let y = window.scrollY;
    const edge = (): number => element.getBoundingClientRect().bottom;
    const note = (): void => {
      const isNear = edge() > 0 && edge() < window.innerHeight + NEAR_PX;
      const hasLeft = window.scrollY < y || edge() <= 0;
      isAtEnd = isNear || (isAtEnd && !hasLeft);
      y = window.scrollY;
    };
    const leave = (): void => {
      isAtEnd = false;
    };
    const follow = new ResizeObserver(() => {
      if (isAtEnd && edge() > window.innerHeight) window.scrollBy(0, edge() - window.innerHeight);
    });
    note();
    follow.observe(element);
    window.addEventListener("scroll", note, { passive: true });
    element.addEventListener("click", leave, true);
    return () => {
      follow.disconnect();
      window.removeEventListener("scroll", note);
      element.removeEventListener("click", leave, true);
    };
  }, [list]);
}
