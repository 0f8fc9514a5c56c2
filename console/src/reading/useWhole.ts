/** When all turns of a long conversation are drawn: asked for, for what browsers do with a whole page, and on paper. */

import { useEffect, useState } from "react";
import { flushSync } from "react-dom";
import { MANY } from "./useRows";
import type { Turns } from "./useTurns";

const KEYS = /^[af]$/i; // with Ctrl: select all, find

const isTyping = (target: EventTarget | null): boolean => target instanceof HTMLInputElement;

export interface Whole {
  /** All that is loaded is to be drawn. */
  readonly isDrawn: boolean;
  /** There are more turns than are drawn. */
  readonly isPart: boolean;
  /** Loads all, then draws all. */
  readonly ask: () => void;
}

export function useWhole({ hasOlder, isLoading, older, error }: Turns, count: number): Whole {
  const [isAsked, setAsked] = useState(false);
  const isPrinting = usePrinting();
  useEffect(() => {
    const key = (event: KeyboardEvent): void => {
      const isOfAll = (event.ctrlKey || event.metaKey) && KEYS.test(event.key) && !isTyping(event.target);
      if (isOfAll) flushSync(() => setAsked(true)); // before the browser does what it does
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  }, []);
  useEffect(() => {
    if (isAsked && hasOlder && !isLoading && error === null) older();
  }, [isAsked, hasOlder, isLoading, older, error]);
  const isDrawn = isPrinting || (isAsked && (!hasOlder || error !== null));
  return { isDrawn, isPart: !isAsked && (hasOlder || count >= MANY), ask: () => setAsked(true) };
}

/** Behind it a reader is where she was. */
function usePrinting(): boolean {
  const [isPrinting, setPrinting] = useState(false);
  useEffect(() => {
    let y = 0;
    const before = (): void => {
      y = window.scrollY;
      flushSync(() => setPrinting(true));
    };
    const after = (): void => {
      flushSync(() => setPrinting(false));
      window.scrollTo(0, y);
    };
    window.addEventListener("beforeprint", before);
    window.addEventListener("afterprint", after);
    return () => {
      window.removeEventListener("beforeprint", before);
      window.removeEventListener("afterprint", after);
    };
  }, []);
  return isPrinting;
}
