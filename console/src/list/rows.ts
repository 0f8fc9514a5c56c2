/** The list as it grows at both ends: newer conversations in front, older pages behind. */

import type { ConversationRow, Page } from "../api/types";

/** Each once, as it was told last: where several have it, the first of them. */
export function joined(...parts: readonly (readonly ConversationRow[])[]): readonly ConversationRow[] {
  const byId = new Map<string, ConversationRow>();
  for (const row of parts.flat()) if (!byId.has(row.id)) byId.set(row.id, row);
  return [...byId.values()];
}

/** What a reader has opened of the list for these words, and whatever else was asked for. */
export interface Opened {
  readonly words: string;
  /** The newest ones, and those that newer ones have moved down since. */
  readonly newest: readonly ConversationRow[];
  readonly older: readonly ConversationRow[];
  /** Leads to what is older still; null: nothing is. */
  readonly next: string | null;
}

export const NOTHING: Opened = { words: "", newest: [], older: [], next: null };

/** With the newest page as it is now; another one if nothing is left of the one that was known. */
export function withNewest(opened: Opened, words: string, page: Page<ConversationRow>): Opened {
  const known = new Set(opened.newest.map((row) => row.id));
  const reaches = opened.words === words && page.items.some((row) => known.has(row.id));
  if (!reaches) return { words, newest: page.items, older: [], next: page.next };
  return { ...opened, newest: joined(page.items, opened.newest) };
}

export function withOlder(opened: Opened, page: Page<ConversationRow>): Opened {
  return { ...opened, older: joined(opened.older, page.items), next: page.next };
}
