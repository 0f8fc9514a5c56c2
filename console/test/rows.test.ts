import { expect, test } from "vitest";
import type { ConversationRow, Page } from "../src/api/types";
import { joined, NOTHING, withNewest, withOlder } from "../src/list/rows";

const row = (id: string, messages = 0): ConversationRow => ({
  id, title: id, userId: null, createdAt: 0, lastAt: 0, calls: 1, messages, live: false, lastMessage: null, found: null,
});
const page = (next: string | null, ...ids: string[]): Page<ConversationRow> => ({ items: ids.map((id) => row(id)), next });
const ids = (rows: readonly ConversationRow[]): string => rows.map(({ id }) => id).join("");

test("what newer conversations push out of the newest page stays in the list", () => {
  const opened = withOlder(withNewest(NOTHING, "", page("b", "a", "b")), page(null, "c"));
  const later = withNewest(opened, "", page("a", "x", "a"));
  expect(ids(joined(later.newest, later.older))).toBe("xabc");
  expect(later.next).toBeNull();
});

test("a conversation that goes on moves up, and is shown as it is now", () => {
  const opened = withOlder(withNewest(NOTHING, "", page("b", "a", "b")), page(null, "c"));
  const later = withNewest(opened, "", { items: [row("c", 9), row("a")], next: "a" });
  const rows = joined(later.newest, later.older);
  expect(ids(rows)).toBe("cab");
  expect(rows[0]?.messages).toBe(9);
});

test("a newest page that does not reach what is known takes its place, and so do other words", () => {
  const opened = withOlder(withNewest(NOTHING, "", page("b", "a", "b")), page(null, "c"));
  expect(withNewest(opened, "", page("y", "x", "y"))).toEqual({ words: "", newest: [row("x"), row("y")], older: [], next: "y" });
  expect(withNewest(opened, "words", page(null, "a")).older).toEqual([]);
});
