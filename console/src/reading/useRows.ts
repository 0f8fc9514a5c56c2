/** Which rows of a list are drawn, and where: all of a few, of many those near the reader. */

import { defaultRangeExtractor, type Range, useWindowVirtualizer, type Virtualizer, type VirtualItem } from "@tanstack/react-virtual";
import { type CSSProperties, type RefCallback, type RefObject, useLayoutEffect, useRef, useState } from "react";

export const MANY = 120; // rows
const ROW_PX = 176; // of one that has not been drawn yet
const AHEAD = 6; // rows in front of the window and behind it

/** `few` and `whole`: all rows, in the flow of the page. `near`: each at its place. */
type Way = "few" | "near" | "whole";

export interface Row {
  readonly index: number;
  readonly style: CSSProperties | undefined;
  readonly measure: RefCallback<HTMLElement> | undefined;
}

export interface Rows {
  readonly list: RefObject<HTMLDivElement | null>;
  readonly way: Way;
  readonly style: CSSProperties | undefined;
  readonly drawn: readonly Row[];
  /** Scrolls until the row is in the middle. */
  readonly show: (index: number) => void;
  /** Stops scrolling. */
  readonly rest: () => void;
}

/** `ids`: of the rows, in their order. Rows that come in front or behind leave the reader where she is. */
export function useRows(ids: readonly string[], isWhole: boolean): Rows {
  const list = useRef<HTMLDivElement>(null);
  const top = useTop(list);
  const way = isWhole ? "whole" : ids.length < MANY ? "few" : "near";
  const rows = useWindowVirtualizer<HTMLElement>({
    count: ids.length,
    estimateSize: () => ROW_PX,
    measureElement: (row, entry) => entry?.borderBoxSize[0]?.blockSize ?? row.getBoundingClientRect().height, // not rounded, as in the flow
    getItemKey: (index) => ids[index] ?? index,
    scrollMargin: top,
    initialRect: { width: window.innerWidth, height: window.innerHeight },
    overscan: AHEAD,
    anchorTo: isWhole ? "start" : "end", // of what is all in the flow, the browser takes care
    scrollEndThreshold: -1, // `useFollow` knows who is at the end
    rangeExtractor: (range) => (way === "near" ? withHeld(range, heldRows(list.current, ids)) : [...ids.keys()]),
  });
  rows.shouldAdjustScrollPositionOnItemSizeChange = isAbove;
  return {
    list, way,
    style: way === "near" ? { height: rows.getTotalSize() } : undefined,
    drawn: rows.getVirtualItems().map((row) => ({
      index: row.index,
      style: placeOf(row, way, top),
      measure: isWhole ? undefined : rows.measureElement,
    })),
    show: (index) => rows.scrollToIndex(index, { align: "center" }),
    rest: rows.cancelScroll,
  };
}

/** In `whole`, a row that is not near is as high as it was or is thought to be, so that none moves. */
function placeOf({ start, size }: VirtualItem, way: Way, top: number): CSSProperties | undefined {
  if (way === "near") return { top: start - top };
  return way === "whole" ? { containIntrinsicBlockSize: `auto ${size}px` } : undefined;
}

/** What happens above the window moves nothing in it. */
function isAbove(row: VirtualItem, _: number, { scrollOffset, itemSizeCache }: Virtualizer<Window, HTMLElement>): boolean {
  return (itemSizeCache.has(row.key) ? row.end : row.start) <= (scrollOffset ?? 0);
}

function withHeld(range: Range, held: readonly number[]): number[] {
  return [...new Set([...defaultRangeExtractor(range), ...held])].sort((a, b) => a - b);
}

/** Those with the keyboard or with an end of what is selected: they stay, however far a person scrolls. */
function heldRows(list: HTMLElement | null, ids: readonly string[]): readonly number[] {
  const selection = document.getSelection();
  const nodes = [document.activeElement, selection?.anchorNode ?? null, selection?.focusNode ?? null];
  return nodes.map((node) => rowOf(node, list)).filter((id) => id !== null).map((id) => ids.indexOf(id)).filter((index) => index >= 0);
}

function rowOf(node: Node | null, list: HTMLElement | null): string | null {
  if (list?.contains(node) !== true) return null;
  const element = node instanceof HTMLElement ? node : node?.parentElement;
  return element?.closest<HTMLElement>("[data-row]")?.dataset["row"] ?? null;
}

/** How far the list is from the top of the page. What is above may grow; a reader who is past it does not see it. */
function useTop(list: RefObject<HTMLElement | null>): number {
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    let known: number | null = null;
    const look = (): void => {
      const edge = list.current?.getBoundingClientRect().top ?? 0;
      const found = Math.round(edge + window.scrollY);
      if (known !== null && known !== found && edge < 0) window.scrollBy(0, found - known);
      known = found;
      setTop(found);
    };
    const watch = new ResizeObserver(look);
    watch.observe(document.body);
    look();
    return () => watch.disconnect();
  }, [list]);
  return top;
}
